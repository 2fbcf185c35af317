"""Interpolation between several exemplars by transport maps that match their features.

    E_k = w_k A_k + sum_l w_l V(A_k, A_l),   T: patches of A_k -> patches of A_l

T is a coherent transport map between the patches of two exemplars, and V(A_k, A_l) is A_l rearranged by it in
the layout of A_k. The result is made of the patches of the morphs E_k, whose features are between those of
the exemplars in size. Weights may vary over the image. (Barycentres of textures: Rabin, Peyre, Delon & Bernot
2011.) See `texot.jobs.interpolation_problem` for the job, `texot.jobs.synthesis` for the algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.depth import Depth, common_depth
from texot.files.exemplar import Exemplar, log_normals, part_fact, read_exemplar, with_channels
from texot.files.part import part_side
from texot.files.sizes import at_most, exemplar_side, parse_size
from texot.jobs.interpolation_problem import Interpolation, Level
from texot.jobs.synthesis import iter_synthesis
from texot.solver.barycentric_weights import (
    Weights,
    between,
    map_name,
    read_exemplars,
    tiled_axes,
    weight_planes,
    whole_weights,
)
from texot.solver.memory_checks import check_memory
from texot.solver.options import TILES, EngineOptions, check_choice, provenance, real
from texot.solver.run import iterate
from texot.solver.state import Output, State, Synthesis
from texot.solver.torch_modes import own_modes, stepwise

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from texot.jobs.keywords import EngineKeywords, InterpolationOptions

__all__ = ["interpolate", "interpolation_path", "iter_interpolation"]

_STEPS = 8  # levels of a weight map from one exemplar to the next


def interpolate(
    exemplars: Sequence[Any],
    weights: Weights | None = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[InterpolationOptions],
) -> Synthesis:
    """Synthesise a texture between several exemplars.

    Args:
        exemplars: two or more, each as in `texot.synthesize`, of any sizes.
        weights: one for each exemplar, not negative; they are normalised. None: equal weights.
        callback: called with a `State` after every step.
        **options: see `iter_interpolation`; it raises the errors listed there.

    Returns:
        The image with its losses, timings and settings. The order of the exemplars (with their weights) does
        not matter. If one exemplar has all the weight, the result is that of `texot.synthesize`.

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
    weight_map: Any = None,
    size: str | int | tuple[int, int] | None = None,
    init: Any = "noise",
    tile: str | None = None,
    novelty: float | None = None,
    alpha: str = "mask",
    exemplar_size: int | None = None,
    **engine: Unpack[EngineKeywords],
) -> Iterator[State]:
    """Interpolate step by step: an iterator of states. Stop it whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        exemplars, weights: see `interpolate`.
        weight_map: weights that vary over the image: "horizontal", "vertical" or "radial", from the first
            exemplar at the left, the top or the centre to the last, or an image whose black is the first and
            white the last; it is stretched to the result's size. Not with `weights`.
        size: (width, height), "WxH", a factor of the largest exemplar's size, or None for that size.
        init: "noise", or an image to start from, such as the previous one of a sequence.
        tile: axes along which the result tiles; None: "both", except axes along which the
            weights vary.
        novelty, exemplar_size: as in `texot.iter_synthesis`.
        alpha: as in `texot.iter_synthesis`. An exemplar without alpha counts as opaque if another one
            has an alpha channel.
        **engine: quality, seed, n_scales, patch_size, n_iter, psi_steps, entropy, backend and device as in
            `texot.iter_synthesis`.

    Raises:
        InputError: exemplars, weights or options that cannot be used.
        DeviceError: a device or back end that is not available.
    """
    options = EngineOptions(**engine)
    side = exemplar_side(exemplar_size)
    part = part_side(size, exemplar_size)
    sources = read_exemplars(exemplars, alpha=alpha, fit=at_most(side), part=part)
    for source in sources:
        log_normals(source.pixels, source.name)
    if any(source.reduced for source in sources):
        exemplar_size = side
    if weight_map is not None and weights is not None:
        raise InputError("weights and weight_map both say how much of each exemplar: give one of the two")
    wanted = None if weight_map is not None else whole_weights(weights, len(sources))
    width, height = parse_size(size, max((e.size for e in sources), key=lambda s: (s[0] * s[1], s)))
    if tile is None:
        tile = tiled_axes(weight_map)
    check_choice("tile", tile, tuple(TILES))
    maps = None if weight_map is None else weight_planes(weight_map, (height, width), len(sources))
    levels = [Level(tuple(wanted or ()))] if maps is None else _levels(maps)
    parts, levels = _merged(sources, levels)
    if len(parts) == 1:  # one exemplar has all the weight
        return iter_synthesis(
            parts[0],
            (width, height),
            init=init,
            tile=tile,
            novelty=novelty,
            alpha=alpha,
            exemplar_size=exemplar_size,
            **engine,
        )
    depth = common_depth([part.depth for part in parts], "exemplars")
    parts = [part.on_curve_of(depth, "exemplars") for part in parts]
    channels = sources[0].pixels.shape[0]
    start = None if isinstance(init, str) and init == "noise" else _fitted(init, channels, alpha, depth)
    if start is not None and novelty is not None:
        raise InputError("novelty chooses a first layout, and init is one: give one of the two")
    if novelty is not None:
        novelty = real("novelty", novelty, "a number from 0", 0, 1)
    job = Interpolation(parts, levels, (height, width), options, novelty=novelty)
    # twice the channels: a guide may be added
    check_memory(2 * channels, (job.most_pixels, 1), (width, height), backend=options.backend)
    options.check_backend(height * width)
    settings = {
        "job": "interpolate",
        **provenance(options),
        "size": [width, height],
        "tile": tile,
        "novelty": novelty,
        "weights": wanted,
        "weight_map": map_name(weight_map),
        "alpha": alpha,
        "exemplar_size": exemplar_size,
        "weight_map_sha256": None if maps is None else Exemplar(maps).sha256,
        "exemplar_sha256": [e.sha256 for e in sources],
        "init_sha256": None if start is None else Exemplar(start).sha256,
        **part_fact(*sources),
    }

    if start is not None:
        start = start.to(options.torch_device)
    output = Output(settings, parts[0].mode, parts[0].icc_profile, depth=depth)
    tasks = partial(job.tasks, TILES[tile], start, output)
    return stepwise(iterate(tasks, options.generator()))


def interpolation_path(n_exemplars: int, n_frames: int) -> list[list[float]]:
    """Weights of a sequence from the first exemplar over all others to the last, evenly spaced.

    Args:
        n_exemplars: two or more.
        n_frames: two or more.

    Returns:
        For every frame, one weight for each exemplar; they sum to 1.
    """
    places = torch.linspace(0, n_exemplars - 1, n_frames, dtype=torch.float64)
    return [between(place, n_exemplars).tolist() for place in places]


def _levels(maps: Tensor) -> list[Level]:
    """Levels of a weight map (K, H, W), on the line from the first exemplar over all others to the last."""
    count = len(maps)
    place = sum(k * plane for k, plane in enumerate(maps)) * _STEPS
    planes = between(place, (count - 1) * _STEPS + 1)
    weights = between(torch.arange(len(planes), dtype=torch.float64) / _STEPS, count)
    return [
        Level(tuple(of.tolist()), plane)
        for of, plane in zip(weights.T, planes, strict=True)
        if bool((plane > 0).any())
    ]


def _merged(exemplars: list[Exemplar], levels: list[Level]) -> tuple[list[Exemplar], list[Level]]:
    """The exemplars with weight, without duplicates and in a fixed order, and their levels."""
    numbers: dict[str, list[int]] = {}
    for k, exemplar in enumerate(exemplars):
        if any(level.weights[k] > 0 for level in levels):
            numbers.setdefault(exemplar.sha256, []).append(k)
    of_each = [numbers[key] for key in sorted(numbers)]
    merged = [Level(tuple(sum(v.weights[k] for k in own) for own in of_each), v.plane) for v in levels]
    return [exemplars[own[-1]] for own in of_each], merged


def _fitted(init: Any, channels: int, alpha: str, depth: Depth | None) -> Tensor:
    image = read_exemplar(init, alpha=alpha).on_curve_of(depth, "exemplars and init")
    planes = with_channels(image.pixels, channels)
    if planes is None:
        raise InputError(f"init does not have the exemplars' {channels} channels: give an image with as many")
    return planes.contiguous()
