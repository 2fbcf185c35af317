"""Textures between several exemplars: Wasserstein barycentres of their patch distributions at every scale.

    min_u sum_k w_k sum_l max_psi F_l(psi_kl, S_l u),

whose fixed point is x = sum_k w_k y_sigma_k(x): every patch is between those that the transport gives it in
each exemplar, so that features change shape, size and colour together (Rabin, Peyre, Delon & Bernot 2011).
Weights may vary over the image. See `texot.engine.mixture` for the job, `texot.synthesis` for the algorithm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from texot._version import __version__
from texot.engine.isolation import own_modes, stepwise
from texot.engine.mixture import Mixture
from texot.engine.optimise import Job, State, Synthesis, optimise
from texot.engine.options import (
    ADAM_PLANES,
    TILES,
    check_backend,
    check_choice,
    check_memory,
    expert_numbers,
    real,
    resolve_device,
    step_size,
    whole,
)
from texot.engine.plan import EFFORT, SEARCH_DIM, Plan, default_plan, known_rooms
from texot.engine.shares import (
    Weights,
    between,
    map_name,
    read_exemplars,
    tiled_axes,
    weight_planes,
    whole_weights,
)
from texot.errors import InputError
from texot.files.exemplar import Exemplar, read_exemplar, tell_normals, with_channels
from texot.files.sizes import at_most, exemplar_side, parse_size
from texot.synthesis import iter_synthesis

__all__ = ["interpolate", "interpolation_path", "iter_interpolation"]

WARM = 0.5  # share of the usual steps, where a start image is given


def interpolate(
    exemplars: Sequence[Any],
    weights: Weights | None = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Any,
) -> Synthesis:
    """Make a texture between several exemplars.

    Args:
        exemplars: two or more, each as in `texot.synthesize`, of any sizes.
        weights: one an exemplar, not negative; they are made to sum to 1. None: equal.
        callback: called with a `State` after every step.
        **options: see `iter_interpolation`, which also tells the errors.

    Returns:
        The image with its losses, timings and settings. The order of exemplars, with their weights, does not
        matter; an exemplar of all the weight gives what `texot.synthesize` makes of it.

    Example:
        >>> import torch
        >>> fine, coarse = (torch.arange(32).remainder(n).lt(n / 2).float().expand(1, 32, 32) for n in (4, 8))
        >>> interpolate([fine, coarse], [0.3, 0.7], size="24x16", quality="draft").image.shape
        torch.Size([1, 16, 24])
    """
    state = None
    for state in iter_interpolation(exemplars, weights, **options):
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


@own_modes()
def iter_interpolation(
    exemplars: Sequence[Any],
    weights: Weights | None = None,
    *,
    map: Any = None,  # the command line's word
    size: str | int | tuple[int, int] | None = None,
    init: Any = "noise",
    quality: str = "normal",
    tile: str | None = None,
    seed: int = 0,
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
    novelty: float | None = None,
    alpha: str = "mask",
    exemplar_size: int | None = None,
    backend: str = "auto",
    device: str | torch.device = "auto",
) -> Iterator[State]:
    """Interpolate step by step: an iterator of states, to be left whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        exemplars, weights: see `interpolate`.
        map: weights that vary over the image: "horizontal", "vertical" or "radial", from the first exemplar
            at the left, the top or the centre to the last, or an image whose black is the first and white
            the last; it is stretched to the result's size. Not with `weights`.
        size: (width, height), "WxH", a factor of the largest exemplar's, or None for that one's size.
        init: "noise", or an image to start from, like the one before in a sequence.
        tile: axes along which the result tiles; None: "both", but none along which a map runs.
        quality, seed, n_scales, patch_size, n_iter, psi_steps, lr, entropy, novelty, alpha, exemplar_size,
        backend, device: see `texot.iter_synthesis`. An exemplar without alpha is opaque where another has a
            channel of it.

    Raises:
        InputError: exemplars, weights or options that cannot be used.
        DeviceError: a device or back end that was asked for is not there.
    """
    side = exemplar_side(exemplar_size)
    sources = read_exemplars(exemplars, alpha=alpha, fit=at_most(side))
    for source in sources:
        tell_normals(source.pixels, source.name)
    if any(source.reduced for source in sources):
        exemplar_size = side
    if map is not None and weights is not None:
        raise InputError("weights and map both say how much of each exemplar: give one of the two")
    wanted = None if map is not None else whole_weights(weights, len(sources))
    width, height = parse_size(size, max((e.size for e in sources), key=lambda s: (s[0] * s[1], s)))
    check_choice("quality", quality, tuple(EFFORT))
    if tile is None:
        tile = tiled_axes(map)
    check_choice("tile", tile, tuple(TILES))
    common: dict[str, Any] = {
        "quality": quality,
        "seed": seed,
        "n_scales": n_scales,
        "patch_size": patch_size,
    }
    common.update(n_iter=n_iter, psi_steps=psi_steps, lr=lr, entropy=entropy, novelty=novelty)
    common.update(backend=backend, device=device, tile=tile, alpha=alpha, exemplar_size=exemplar_size)
    maps = None if map is None else weight_planes(map, (height, width), len(sources))
    parts = _merged(sources, wanted, maps)
    if len(parts) == 1:  # one exemplar has all the weight
        common["lr"] = None
        return iter_synthesis(parts[0][0], (width, height), init=init, **common)
    channels = sources[0].pixels.shape[0]
    start = None if isinstance(init, str) and init == "noise" else _fitted(init, channels, alpha)
    if start is not None and novelty is not None:
        raise InputError("novelty chooses a first layout, and init is one: give one of the two")
    seed = whole("seed", seed, 0, 2**63 - 1)
    expert = expert_numbers(
        n_scales=n_scales,
        patch_size=patch_size,
        n_iter=n_iter,
        psi_steps=psi_steps,
        entropy=entropy,
    )
    expert["lr"] = step_size(lr)
    expert["novelty"] = None if novelty is None else real("novelty", novelty, "a number from 0", 0, 1)
    target_device = resolve_device(device)
    width_in, height_in = _largest(sources)
    check_memory(
        sources[0].pixels.shape[0],
        (len(parts) * width_in, height_in),
        (width, height),
        planes=ADAM_PLANES,
        backend=backend,
    )
    check_backend(backend, target_device, height * width, SEARCH_DIM)
    plan = _plan([part[0] for part in parts], (height, width), quality, expert, warm=start is not None)
    settings = {
        "job": "interpolate",
        "texot": __version__,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "size": [width, height],
        "quality": quality,
        "tile": tile,
        "seed": seed,
        **expert,
        "backend": backend,
        "device": str(target_device),
        "weights": wanted,
        "map": map_name(map),
        "alpha": alpha,
        "exemplar_size": exemplar_size,
        "map_sha256": None if maps is None else Exemplar(maps).sha256,
        "exemplar_sha256": [e.sha256 for e in sources],
        "init_sha256": None if start is None else Exemplar(start).sha256,
    }

    def prepare(generator: torch.Generator) -> Job:
        mixture = Mixture(parts, plan, TILES[tile], start, generator, target_device, backend)
        return mixture.job(settings)

    return stepwise(optimise(prepare, torch.Generator().manual_seed(seed)))


def interpolation_path(n_exemplars: int, n_frames: int) -> list[list[float]]:
    """Weights of a sequence from the first exemplar over all others to the last, evenly spaced.

    Args:
        n_exemplars: two or more.
        n_frames: two or more.

    Returns:
        For every frame, one weight an exemplar; they sum to 1.
    """
    places = torch.linspace(0, n_exemplars - 1, n_frames, dtype=torch.float64)
    return [between(place, n_exemplars).tolist() for place in places]


def _merged(
    exemplars: list[Exemplar], weights: list[float] | None, maps: Tensor | None
) -> list[tuple[Exemplar, float, Tensor | None]]:
    """Each exemplar that has weight, with its weight and map: equal ones once, in an order of their own."""
    found: dict[str, tuple[Exemplar, float, Tensor | None]] = {}
    for k, e in enumerate(exemplars):
        weight = float(maps[k].mean()) if maps is not None else (weights or [])[k]
        plane = None if maps is None else maps[k]
        if e.sha256 in found:
            _, more, other = found[e.sha256]
            weight, plane = weight + more, None if plane is None or other is None else plane + other
        found[e.sha256] = (e, weight, plane)
    return [found[key] for key in sorted(found) if found[key][1] > 0]


def _fitted(init: Any, channels: int, alpha: str) -> Tensor:
    planes = with_channels(read_exemplar(init, alpha=alpha).pixels, channels)
    if planes is None:
        raise InputError(f"init does not have the exemplars' {channels} channels: give an image of the kind")
    return planes.contiguous()


def _largest(exemplars: list[Exemplar]) -> tuple[int, int]:
    return max((e.size for e in exemplars), key=lambda size: size[0] * size[1])


def _plan(
    exemplars: list[Exemplar], size: tuple[int, int], quality: str, expert: dict[str, Any], *, warm: bool
) -> Plan:
    """That of the exemplar with the fewest scales.

    Raises:
        InputError: a patch size or number of scales that one of them has no room for.
    """
    plans = [
        default_plan(
            (e.size[1], e.size[0]),
            size,
            rooms=None if e.mask is None else known_rooms(e.mask),
            quality=quality,
            **expert,
        )
        for e in exemplars
    ]
    plan = min(plans, key=lambda p: (p.n_scales, len(p.stages[0].terms)))
    if not warm or expert["n_iter"] is not None:
        return plan
    stages = [dataclasses.replace(s, n_iter=max(1, round(WARM * s.n_iter))) for s in plan.stages]
    return dataclasses.replace(plan, stages=tuple(stages))
