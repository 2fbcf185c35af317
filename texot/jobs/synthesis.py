"""Algorithm 1: make an image whose patches, at every scale, are those of one exemplar.

    min_u sum_l max_psi F_l(psi_l, S_l u)

Coarse to fine, by block-coordinate descent: see `texot.solver.field_solver`, and `texot.solver.plan` for the
scales. With deep features, and with `preset="paper"` (the published algorithm), Adam optimises the
pixels: see `texot.solver.adam.plan` for the stages, `texot.solver.adam.objective` for the objective.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar, log_normals, part_fact, read_exemplar, with_channels
from texot.files.part import part_side
from texot.files.sizes import at_most, exemplar_side, parse_size
from texot.images.palette import choose_palette, in_palette
from texot.images.pyramid import Periodic
from texot.images.statistics import Statistics
from texot.jobs.adam_synthesis import adam_plan, adam_problem, find_features
from texot.jobs.controls import all_pixels, merged, read_controls, read_exemplars_of
from texot.jobs.directed import Direction, directed_plan, directed_tasks
from texot.jobs.starts import SCORE_BYTES, choice_of_starts
from texot.layout.start import first_layout
from texot.networks.network import Network
from texot.solver.adam.feature_term import BYTES_A_PIXEL
from texot.solver.adam.loop import optimise
from texot.solver.adam.plan import Plan
from texot.solver.field_solver import Problem
from texot.solver.memory_checks import ADAM_PLANES, check_memory
from texot.solver.options import TILES, EngineOptions, check_choice, provenance, real, step_size, whole
from texot.solver.plan import FieldPlan, exemplar_pyramid, field_plan, for_texture
from texot.solver.run import Task, iterate
from texot.solver.state import Output, State, Synthesis
from texot.solver.torch_modes import own_modes, stepwise

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from texot.jobs.keywords import EngineKeywords, SynthesisOptions

__all__ = ["iter_synthesis", "synthesize"]

log = logging.getLogger("texot")


def synthesize(
    exemplar: Any,
    size: str | int | tuple[int, int] | None = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[SynthesisOptions],
) -> Synthesis:
    """Synthesise a texture from one exemplar.

    Args:
        exemplar: path, PIL image, NumPy array (H, W[, C]) of uint8, uint16 or floats, or torch tensor
            (C, H, W). Transparent pixels do not belong to the texture. A list of them is one texture made of
            several, see `proportions`.
        size: (width, height), "WxH", a factor "2x", or None for the size of `target_labels`, of `guide`, of
            `rotation_map`, of `scale_map`, or the first exemplar's.
        callback: called with a `State` after every step.
        **options: see `iter_synthesis`; it raises the errors listed there.

    Returns:
        The image with its losses, marginal errors, timings and settings, in the bit depth of the exemplar.
        The same seed, device, versions and options give the same bytes.

    Example:
        >>> import torch
        >>> stripes = torch.arange(32).remainder(4).lt(2).float().expand(1, 32, 32)
        >>> synthesize(stripes, "24x16", quality="draft").image.shape
        torch.Size([1, 16, 24])
    """
    state = None
    for state in iter_synthesis(exemplar, size, **options):
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


@own_modes()
def iter_synthesis(
    exemplar: Any,
    size: str | int | tuple[int, int] | None = None,
    *,
    preset: str = "default",
    tile: str = "both",
    init: Any = "noise",
    lr: float | None = None,
    novelty: float | None = None,
    attempts: int | None = None,
    features: str | os.PathLike[str] = "none",
    alpha: str = "mask",
    palette: str | None = None,
    exemplar_size: int | None = None,
    copy: bool = False,
    proportions: Sequence[float] | None = None,
    blend_scale: float | None = None,
    source: Any = None,
    weights_map: Any = None,
    labels: Any = None,
    target_labels: Any = None,
    guide: Any = None,
    guide_exemplar: Any = None,
    guide_strength: float | None = None,
    symmetry: str = "none",
    rotation_map: Any = None,
    scale_map: Any = None,
    **engine: Unpack[EngineKeywords],
) -> Iterator[State]:
    """Synthesise step by step: an iterator of states. Stop it whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        exemplar, size: see `synthesize`.
        preset: "default", or "paper" for the published algorithm.
        tile: axes along which opposite edges of the result match: "both", "x", "y" or "none".
        init: "noise" for a start chosen by the seed, or an image (like `exemplar`) to start from.
        lr: step of Adam, in units of the pixel range; only with deep features and `preset="paper"`.
        novelty: in [0, 1], how far the layout departs from the exemplar's. 0 keeps it and only makes it tile.
            Otherwise no shift of the exemplar may hold more than .13 ** (2 novelty) of the result. In
            textures with rows, pieces are whole exemplars near 0, a quarter of its side at .5 and a sixteenth
            at 1. None: .5. Not with `init`, nor with `preset="paper"`.
        attempts: number of results to make; the one whose deep features are nearest to the exemplar's is
            kept, see `texot.jobs.starts` (default preset without features, opaque exemplars in grey or RGB).
            None: 4 at quality "high" and up to a megapixel, where SqueezeNet's weights are installed;
            otherwise 1.
        features: "none", or a network whose deep features are transported too: "efficientnet-lite0",
            "squeezenet", or a file of weights of VGG-19 or EfficientNet-Lite0, see
            `texot.solver.adam.feature_term` (default preset only, grey and RGB). SqueezeNet needs 600 bytes
            of memory for each pixel of the result.
        alpha: meaning of the exemplar's alpha channel. "mask": pixels above one half belong to the texture;
            "ignore": it is dropped; "channel": it is synthesised like the colours. Not for an `Exemplar`,
            which was read before.
        palette: "exemplar": only colours of the exemplar (at most 4096); "none": any; None: "exemplar" if it
            has at most 256 colours and few for its size.
        exemplar_size: exemplars of more pixels than a square of this side are reduced to as many. None: where
            the size is in pixels, a part of it is used instead, of at most 4 times the result's longer side
            (at least 2048, at most 4096, less on a machine of little memory); elsewhere it is reduced to 4096
            or less. A size of None or a factor refers to the reduced exemplar.
        copy: make the result of copied pixels, so that all its values are values of the exemplar. Otherwise
            pixels are means of overlapping patches, which are smoother where patches join. Not with deep
            features and `preset="paper"`.
        **engine: options of the solver:

            - quality: "draft", "normal" or "high", a trade-off of speed and quality (default preset only).
            - seed: of all random numbers, 0 <= seed < 2**63.
            - n_scales: number of scales, or None for what the sizes allow.
            - patch_size: side of the patches in pixels; None: 7, or 4 where Adam moves the pixels.
            - n_iter: image steps at every scale.
            - psi_steps: steps of the potentials for each image step; 0: plain nearest neighbours.
            - entropy: regularisation lam of the transport, in units of squared patch distance, at scales
              where all pairs of patches are compared; None or 0: a small default.
            - backend: "auto", "tiled", "keops" or "reference".
            - device: "auto", "cpu", "cuda" or "cuda:i".

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a device or back end that is not available.
        TexotError: weights of deep features that are not installed.
    """
    options = EngineOptions(**engine)
    side = exemplar_side(exemplar_size)
    several = list(exemplar) if isinstance(exemplar, list | tuple) else [exemplar]
    if not several:
        raise InputError("give one exemplar or more, not an empty list")
    controls = read_controls(
        n_exemplars=len(several),
        proportions=proportions,
        blend_scale=blend_scale,
        source=source,
        weights_map=weights_map,
        labels=labels,
        target_labels=target_labels,
        guide=guide,
        guide_exemplar=guide_exemplar,
        guide_strength=guide_strength,
        symmetry=symmetry,
        rotation_map=rotation_map,
        scale_map=scale_map,
    )
    part = None if controls.needs_whole else part_side(size, exemplar_size)
    read = read_exemplars_of(several, alpha, at_most(side), part)
    hashes = [one.sha256 for one in read]
    sources, shares = merged(read, controls.proportions)
    texture = sources[0]
    for one in sources:
        log_normals(one.pixels, one.name)
    size = controls.target_size if size is None else size
    width, height = parse_size(size, read[0].size)
    check_choice("preset", preset, ("default", "paper"))
    check_choice("tile", tile, tuple(TILES))
    lr = step_size(lr)
    if novelty is not None:
        novelty = real("novelty", novelty, "a number from 0", 0, 1)
    network = find_features(features, preset, texture)
    deep = 0 if network is None else BYTES_A_PIXEL
    first = None
    if not (isinstance(init, str) and init == "noise"):
        first = read_exemplar(init, alpha=alpha).on_curve_of(texture.depth, "the exemplar and init")
    direction = controls.direct(sources, shares, (width, height), TILES[tile], options.generator())
    if direction is not None:
        _check_directed(direction, preset, network, attempts, copy=copy)
    choice = None
    tries = None if attempts is None else whole("attempts", attempts, 1, 100)
    if preset == "paper" or network is not None:
        if (tries or 1) > 1:
            raise InputError("attempts are compared by deep features: leave out the preset or the features")
    elif tries is not None or (
        options.quality == "high" and novelty != 0 and first is None and direction is None
    ):
        choice = choice_of_starts(tries, texture.pixels, texture.mask, (height, width), TILES[tile])
        deep = 0 if choice is None else SCORE_BYTES
    planes = None if network is None and preset == "default" else ADAM_PLANES
    channels, backend = len(texture.pixels), options.backend
    area = texture.size
    if direction is not None:
        channels, area = channels + direction.n_channels, (direction.n_pixels, 1)
    check_memory(channels, area, (width, height), planes=planes, more=deep, backend=backend)
    start = None if first is None else _start_image(first, texture)
    colours = choose_palette(*all_pixels(sources), palette)
    if start is not None and novelty is not None:
        raise InputError("novelty chooses a first layout, and init is one: give one of the two")
    if lr is not None and preset != "paper" and network is None:
        raise InputError("lr is the step of Adam, which only preset paper and deep features take")
    adam: Plan | None = None
    if preset == "paper" or network is not None:
        adam = adam_plan(texture, (height, width), options, preset=preset, lr=lr, novelty=novelty)
    if preset == "default":
        sides, known = (texture.size[1], texture.size[0]), texture.mask
        if direction is not None:
            main = direction.main
            sides, known = (main.classes.shape[0], main.classes.shape[1]), main.known
        field = field_plan(sides, (height, width), known, options, novelty=novelty)
        field = field if direction is None else directed_plan(direction, field)
    plan = adam or field
    if options.n_scales is None and plan.n_scales < (4 if preset == "paper" else 2):
        log.info("%d scale(s) fit images of this size", plan.n_scales)
    if options.patch_size is None and plan.patch_size < 4:
        log.info("the images have room for %dx%d patches only", plan.patch_size, plan.patch_size)
    options.check_backend(height * width)
    settings = {
        **provenance(options),
        "size": [width, height],
        "preset": preset,
        "tile": tile,
        "lr": lr,
        "novelty": novelty,
        "exemplar_sha256": texture.sha256 if len(several) == 1 else hashes,
        "init_sha256": None if first is None else first.sha256,
        "alpha": alpha,
        "palette": "none" if colours is None else "exemplar",
        "exemplar_size": side if texture.reduced else exemplar_size,
        "attempts": 1 if choice is None else choice.attempts,
    }
    settings |= part_fact(*sources) | controls.facts
    if copy:
        if adam is not None:
            raise InputError("copy needs the correspondence field: leave out the preset or the features")
        settings["copy"] = True
    if network is not None:
        settings |= {"features": network.key, "features_sha256": network.sha256()}
    generator = options.generator()
    finish = None if colours is None else partial(in_palette, colours=colours)
    output = Output(
        settings,
        texture.mode,
        texture.icc_profile,
        finish=finish,
        origin=texture.origin,
        depth=texture.depth,
        copied=texture if copy else None,
    )
    tasks = (
        None if preset == "paper" else partial(_tasks, texture, field, options, TILES[tile], start, output)
    )
    if direction is not None:
        tasks = partial(directed_tasks, texture, direction, field, options, TILES[tile], start, output)
    if adam is None:
        assert tasks is not None
        return stepwise(iterate(tasks, generator, choice))

    prepare = partial(adam_problem, texture, adam, options, TILES[tile], start, tasks, network, output)
    return stepwise(optimise(prepare, generator))


def _check_directed(
    direction: Direction, preset: str, network: Network | None, attempts: int | None, *, copy: bool
) -> None:
    """Refuse options that do not work with a direction.

    Raises:
        InputError: one of them is given.
    """
    if preset == "paper" or network is not None:
        raise InputError(
            "several exemplars, weights, labels, guides, symmetry, and maps of rotation and scale take no "
            "preset and no features"
        )
    if (attempts or 1) > 1:
        raise InputError("attempts are compared with one exemplar: leave them out")
    if copy and len(direction.parts) > 1:
        raise InputError("copy takes one exemplar that is neither turned nor resized: leave one of them out")


def _tasks(
    exemplar: Exemplar,
    plan: FieldPlan,
    options: EngineOptions,
    periodic: Periodic,
    start: Tensor | None,
    output: Output,
    generator: torch.Generator,
) -> list[Task]:
    """The tasks of the field solver: the exemplar at every scale, and the start image."""
    device = options.torch_device
    known = None if exemplar.mask is None else exemplar.mask.to(device)
    pixels = exemplar.pixels.to(device)
    scales = exemplar_pyramid(pixels[: exemplar.main], known, plan.n_scales)
    seen = scales if exemplar.main is None else [(image[:1], there) for image, there in scales]
    plan = for_texture(plan, seen, given=start is not None)
    scales = scales[: plan.n_scales]
    size = plan.sizes[-1]
    if start is not None:
        start = (
            F.interpolate(start[None, : exemplar.main], size, mode="bicubic", antialias=True)[0]
            .clamp(0, 1)
            .to(device)
        )
    elif plan.laid:
        image, there = scales[-1]
        start = first_layout(image, size, plan.novelty, known=there, periodic=periodic, generator=generator)
    statistics = Statistics.of(*scales[0])

    def finalise(image: Tensor) -> Tensor:
        return statistics.clip(statistics.calibrate(image, periodic=periodic))

    # a palette replaces the correction, which would change the colours; maps, which must stay registered, are
    # corrected before the last vote
    stacked = exemplar.main is not None
    correct = None if output.finish is not None or stacked else finalise
    followers = None if exemplar.main in (None, len(pixels)) else pixels[exemplar.main :]
    problem = Problem(
        plan,
        scales,
        periodic,
        start,
        output,
        correct,
        backend=options.backend,
        followers=followers,
        moments=stacked and plan.novelty > 0,
    )
    return [Task(plan, (exemplar.size[1], exemplar.size[0]), lambda: problem)]


def _start_image(init: Exemplar, exemplar: Exemplar) -> Tensor:
    """A start image with the exemplar's channels.

    Raises:
        InputError: the channels differ.
    """
    have, want = init.pixels.shape[0], exemplar.pixels.shape[0]
    fitted = with_channels(init.pixels, want)
    if fitted is None:
        raise InputError(
            f"init has {have} channels, the exemplar {want}: give a start image of the same kind"
        )
    return fitted
