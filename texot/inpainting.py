"""Fill holes in a photograph with its own texture.

    min over the hole's pixels of sum_l max_psi F_l(psi_l, patches of S_l u that touch the hole)

The target measure is that of the patches that touch no unknown pixel, with weights that fall with their
distance from the hole: what lies near it is continued. Each group of holes is a job of its own, on its
neighbourhood; see `texot.synthesis` for the algorithm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from texot._version import __version__
from texot.engine.isolation import own_modes, stepwise
from texot.engine.optimise import Job, Pixels, State, Synthesis, optimise
from texot.engine.options import (
    TILES,
    check_backend,
    check_choice,
    expert_numbers,
    real,
    resolve_device,
    whole,
)
from texot.engine.plan import EFFORT, SEARCH_DIM, Plan, Stage, TermPlan, scale_sizes, until_big
from texot.engine.terms import Terms
from texot.errors import InputError
from texot.files.exemplar import Exemplar, read_exemplar, with_channels
from texot.files.original import Original, read_mask, read_original
from texot.images.masks import (
    Box,
    around,
    details,
    distance,
    fill_smoothly,
    groups,
    largest_square,
    masked_pyramid,
    shrunk,
)
from texot.images.peel import peel
from texot.images.pyramid import Periodic, upsample

__all__ = ["inpaint", "iter_inpaint"]

log = logging.getLogger("texot")

LEAST_HOLE = 32  # pixels across the hole that the coarsest scale keeps
LEAST_REACH = 64  # pixels, by default
TRUST_DEPTH = 1.5  # pixels of each scale, towards the middle of a hole, over which trust falls to 1/e
LEAST_TRUST = 0.1
ROBUSTNESS = 0.0  # patches at a hole's edge fit worst at first, and must not give way
SLICED_WEIGHT = 1.5
PIECE = 12  # pixels, of the first fill
LEAST_PIECE = 4
LEAST_PATCH = 2
LEAST_COUNT = 64  # pixels of a hole whose details can be judged
MOST_GAIN = 1.5
APART = 32  # pixels from which on holes are filled one by one


def inpaint(
    image: Any,
    mask: Any = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Any,
) -> Synthesis:
    """Fill what a mask marks with the texture around it; every other pixel stays as it is.

    Args:
        image: path, PIL image, NumPy array (H, W[, C]) or torch tensor (C, H, W), as in `texot.synthesize`.
        mask: the same, of the image's size: white is filled. None: the image's transparent pixels are.
        callback: called with a `State` after every step.
        **options: see `iter_inpaint`, which also tells the errors.

    Returns:
        The image in its own mode and colour profile (filled pixels opaque), with losses, timings and
        settings. The same seed, device, versions and options give the same bytes.

    Example:
        >>> import torch
        >>> stripes = torch.arange(32).remainder(4).lt(2).float().expand(1, 32, 32)
        >>> hole = torch.zeros(32, 32)
        >>> hole[12:20, 12:20] = 1
        >>> inpaint(stripes, hole, quality="draft").image.shape
        torch.Size([1, 32, 32])
    """
    state = None
    for state in iter_inpaint(image, mask, **options):
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


@own_modes()
def iter_inpaint(
    image: Any,
    mask: Any = None,
    *,
    invert_mask: bool = False,
    source: Any = None,
    exemplar: Any = None,
    reach: float | None = None,
    quality: str = "normal",
    tile: str = "none",
    seed: int = 0,
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
    backend: str = "auto",
    device: str | torch.device = "auto",
) -> Iterator[State]:
    """Fill step by step: an iterator of states, to be left whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        image, mask: see `inpaint`. Grey counts as white from one half.
        invert_mask: black is filled instead.
        source: a second mask, white where texture may come from; its distance from the hole plays no part.
        exemplar: another image that texture is taken from instead.
        reach: pixels over which what lies around a hole loses its weight; None: chosen by the hole's width.
        quality: "draft", "normal" or "high": time against distance.
        tile: axes along which the image continues at its opposite edge: "both", "x", "y" or "none".
        seed, n_scales, patch_size, n_iter, psi_steps, lr, entropy, backend, device: see
            `texot.iter_synthesis`.

    Raises:
        InputError: an image, mask or option that cannot be used.
        DeviceError: a device or back end that was asked for is not there.
    """
    original = read_original(image)
    hole = find_hole(original, mask, invert=invert_mask)
    if source is not None and exemplar is not None:
        raise InputError("source and exemplar both say where texture comes from: give one of the two")
    other = None if exemplar is None else _fitting(read_exemplar(exemplar), original)
    allowed = None if source is None else read_mask(source, original.size, name="source mask")
    check_choice("quality", quality, tuple(EFFORT))
    check_choice("tile", tile, tuple(TILES))
    seed = whole("seed", seed, 0, 2**63 - 1)
    if reach is not None:
        reach = real("reach", reach, "a number of pixels from 1", 1, 1e6)
    expert = expert_numbers(
        n_scales=n_scales,
        patch_size=patch_size,
        n_iter=n_iter,
        psi_steps=psi_steps,
        lr=lr,
        entropy=entropy,
    )
    target_device = resolve_device(device)
    check_backend(backend, target_device, int(hole.sum()), SEARCH_DIM)
    photograph = _Photograph(original, hole, allowed, other, TILES[tile], reach, target_device)
    found = groups(hole, APART)
    if len(found) > 1:
        log.info("%d holes are filled one by one", len(found))
    parts = [
        _Part(photograph, box, own, quality=quality, expert=expert, backend=backend) for box, own in found
    ]
    settings = {
        "job": "inpaint",
        "texot": __version__,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "quality": quality,
        "tile": tile,
        "seed": seed,
        "reach": reach,
        "invert_mask": bool(invert_mask),
        **expert,
        "backend": backend,
        "device": str(target_device),
        "image_sha256": original.sha256,
        "hole_sha256": _sha256(hole),
        "source_sha256": None if allowed is None else _sha256(allowed),
        "exemplar_sha256": None if other is None else other.sha256,
    }
    generator = torch.Generator().manual_seed(seed)

    def prepare(generator: torch.Generator) -> list[Job]:
        return [
            part.job(generator, settings, before)
            for part, before in zip(parts, [None, *parts[:-1]], strict=True)
        ]

    return stepwise(optimise(prepare, generator))


def find_hole(original: Original, mask: Any = None, *, invert: bool = False) -> Tensor:
    """What is to be filled, (H, W) bool.

    Args:
        original: the image.
        mask: see `inpaint`.
        invert: black is filled.

    Raises:
        InputError: no mask, or one that marks nothing or everything.
    """
    if mask is None:
        if original.opaque is None:
            raise InputError("nothing to fill: give a mask, or an image with transparent pixels")
        return original.opaque if invert else ~original.opaque
    hole = read_mask(mask, original.size)
    hole = ~hole if invert else hole
    if not bool(hole.any()):
        other = "without invert_mask (--invert-mask)" if invert else "with invert_mask (--invert-mask)"
        raise InputError(f"the mask marks nothing to fill: white is filled; try it {other}")
    if bool(hole.all()):
        raise InputError("the mask marks the whole image, so nothing is known: leave some of it black")
    return hole


def _fitting(exemplar: Exemplar, original: Original) -> Exemplar:
    """Another image as source, with the photograph's channels."""
    have, want = exemplar.pixels.shape[0], original.pixels.shape[0]
    planes = with_channels(exemplar.pixels, want)
    if planes is None:
        raise InputError(f"the exemplar has {have} channels, the image {want}: give one of the same kind")
    return exemplar if planes is exemplar.pixels else Exemplar(planes.contiguous(), exemplar.mask)


def _sha256(mask: Tensor) -> str:
    return Exemplar(torch.zeros(0, *mask.shape), mask).sha256


@dataclass(frozen=True, eq=False)
class _Photograph:
    """What all holes of one image share."""

    original: Original
    hole: Tensor
    allowed: Tensor | None
    other: Exemplar | None
    periodic: Periodic
    reach: float | None
    device: torch.device

    @property
    def usable(self) -> Tensor:
        """(H, W) bool: pixels that are known and may be copied."""
        known = ~self.hole if self.original.opaque is None else ~self.hole & self.original.opaque
        return known if self.allowed is None else known & self.allowed


class _Part:
    """One group of holes: its neighbourhood, what it takes texture from, its plan.

    Args:
        photograph: the image.
        box: around the holes.
        own: (h, w) bool, their pixels in there.
        quality, expert, backend: see `iter_inpaint`.
    """

    def __init__(
        self,
        photograph: _Photograph,
        box: Box,
        own: Tensor,
        *,
        quality: str,
        expert: dict[str, Any],
        backend: str,
    ) -> None:
        self.photograph, self.backend = photograph, backend
        self.periodic = photograph.periodic
        reach = photograph.reach
        self.reach = max(float(LEAST_REACH), float(largest_square(own))) if reach is None else reach
        size = photograph.hole.shape[0], photograph.hole.shape[1]
        self.box = around(box, max(16, round(2 * self.reach)), size, self.periodic)
        hole = torch.zeros(size, dtype=torch.bool)
        box.cut(hole).copy_(own)
        self.hole = self.box.cut(hole).clone()
        self.plan = self._plan(quality, **expert)

    def _target(self) -> tuple[Tensor, Tensor, Tensor | None, Periodic]:
        """Image, known pixels and their shares of mass, of what texture is taken from; what wraps there."""
        photograph = self.photograph
        if photograph.other is not None:
            image, mask = photograph.other.pixels, photograph.other.mask
            known = torch.ones(image.shape[1:], dtype=torch.bool) if mask is None else mask
            return image, known, None, (False, False)
        pixels, usable = photograph.original.pixels, photograph.usable
        if photograph.allowed is not None:
            rows, columns = usable.any(1).nonzero()[:, 0], usable.any(0).nonzero()[:, 0]
            if not len(rows):
                raise InputError("the source mask leaves nothing to take texture from: mark some known part")
            where = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
            return where.cut(pixels), where.cut(usable), None, (False, False)
        away = distance(self.hole, 2 * self.reach, periodic=self.periodic)
        share = torch.exp(-((away / self.reach) ** 2))
        return self.box.cut(pixels), self.box.cut(usable), share, self.periodic

    def _plan(
        self,
        quality: str,
        *,
        n_scales: int | None,
        patch_size: int | None,
        n_iter: int | None,
        psi_steps: int | None,
        lr: float | None,
        entropy: float | None,
    ) -> Plan:
        """As `texot.engine.plan.default_plan`, from a scale at which the hole is a few pixels wide."""
        effort = EFFORT[quality]
        image, known, _, periodic = self._target()
        patch = 4 if patch_size is None else patch_size
        room = min(largest_square(known, 4 * patch), *self.hole.shape)
        if room < (patch_size or LEAST_PATCH):
            least = patch_size or LEAST_PATCH
            smaller = f"--patch-size {room} or less, or " if room >= LEAST_PATCH else ""
            raise InputError(
                f"not enough is left to take texture from: no {least}x{least} patch fits what is known near "
                f"the hole; use {smaller}a larger --reach, or --exemplar"
            )
        patch = min(patch, room)
        holes, rooms = [self.hole], [room]
        plane = image[:1]
        hole_plane = self.photograph.original.pixels[:1, self.box.top : self.box.bottom]
        hole_plane = hole_plane[:, :, self.box.left : self.box.right]
        most = 12 if n_scales is None else n_scales
        for (_, k), (_, h) in zip(
            masked_pyramid(plane, known, most, periodic=periodic)[1:],
            masked_pyramid(hole_plane, ~self.hole, most, periodic=self.periodic)[1:],
            strict=True,
        ):
            room, across = min(largest_square(k, 4 * patch), *h.shape), largest_square(~h, LEAST_HOLE)
            if n_scales is None and (room < 2 * patch or across < LEAST_HOLE):
                break
            if room < patch or not across:
                if n_scales is not None:
                    raise InputError(
                        f"no {patch}x{patch} patch, or no hole, is left at scale {len(rooms) + 1}: "
                        f"use --n-scales {len(rooms)} or fewer"
                    )
                break
            holes.append(~h)
            rooms.append(room)
        sizes = scale_sizes((self.hole.shape[0], self.hole.shape[1]), len(holes))
        counts = [int(h.sum()) for h in holes]

        def terms_at(scale: int) -> list[TermPlan]:
            stride = 1 if counts[scale] <= 32**2 else 2 if counts[scale] <= 64**2 else 4
            found = []
            until = until_big(scale, len(holes))
            if until and rooms[scale] >= 2 * patch:
                found.append(TermPlan(scale, 2 * patch, min(2, 2 * stride), 0.5, until))
            found.append(TermPlan(scale, patch, min(stride, patch)))
            return found

        stages = []
        for scale in reversed(range(len(holes))):
            steps = n_iter or effort.n_steps(max(counts[scale], 1), max(counts[0], 1))
            terms = tuple(term for k in range(scale, len(holes)) for term in terms_at(k))
            stages.append(Stage(scale, steps, terms, tuple(k for k in (scale, scale + 1) if k < len(holes))))
        return Plan(
            sizes,
            tuple(stages),
            patch,
            lr=effort.lr if lr is None else lr,
            psi_steps=1 if psi_steps is None else psi_steps,
            entropy=entropy or 0.0,
            robustness=ROBUSTNESS,
            max_patches=effort.max_patches,
            sliced_weight=SLICED_WEIGHT,
            n_filters=effort.n_filters,
        )

    def job(self, generator: torch.Generator, settings: dict[str, Any], before: _Part | None) -> Job:
        """The job that the loop runs, after that of the part before, whose fill it keeps."""
        self.generator, self.before = generator, before
        original = self.photograph.original
        return Job(
            plan=self.plan,
            periodic=self.periodic,
            start=self._start,
            refine=self._refine,
            variables=self._variables,
            patch_terms=lambda stage: self.terms.patches(stage),
            sliced_terms=lambda stage: self.terms.sliced(stage),
            put_right=self._put_right,
            n_targets={k: min(self.plan.max_patches, h * w) for k, (h, w) in enumerate(self.plan.sizes)},
            settings=settings,
            mode=original.mode,
            icc_profile=original.icc_profile,
            dpi=original.dpi,
            finish=self._finish,
        )

    def _start(self, stage: Stage) -> Tensor:
        """Make everything ready; the first image: what is known, smoothly continued into the hole."""
        photograph, device, n_scales = self.photograph, self.photograph.device, self.plan.n_scales
        self.canvas = photograph.original.pixels if self.before is None else self.before.filled()
        self.before = None
        unknown = self.box.cut(photograph.hole)
        if photograph.original.opaque is not None:
            unknown = unknown | ~self.box.cut(photograph.original.opaque)
        # what others fill, or nobody, must be something meanwhile
        smooth = fill_smoothly(self.box.cut(self.canvas), ~unknown, periodic=self.periodic)
        own = masked_pyramid(smooth.to(device), ~self.hole.to(device), n_scales, periodic=self.periodic)
        self.fixed = [image for image, _ in own]
        self.holes = [~known for _, known in own]
        image, known, share, periodic = self._target()
        self.target = masked_pyramid(image.to(device), known.to(device), n_scales, periodic=periodic)
        shares: list[Tensor | None] = [None] * n_scales
        if share is not None:
            everywhere = torch.ones_like(known, device=device)
            planes = masked_pyramid(share[None].to(device), everywhere, n_scales, periodic=periodic)
            shares = [plane[0] for plane, _ in planes]
        self.shares = shares
        self.terms = Terms(
            self.plan,
            [*self.target],
            self.generator,
            self.backend,
            shares=shares,
            holes=self.holes,
            trust=[self._trust(hole) for hole in self.holes],
        )
        scale = stage.scale
        hole, (texture, usable) = self.holes[scale], self.target[scale]
        side = min(PIECE, *hole.shape)
        piece = largest_square(usable.cpu(), side)
        if piece < LEAST_PIECE or largest_square(hole.cpu(), LEAST_PIECE) < LEAST_PIECE:
            return fill_smoothly(self.fixed[scale], ~hole, periodic=self.periodic)
        return peel(
            self.fixed[scale],
            hole,
            texture,
            usable,
            piece,
            share=self.shares[scale],
            generator=self.generator,
        )

    def _refine(self, stage: Stage, image: Tensor) -> Tensor:
        finer = upsample(image, self.plan.sizes[stage.scale], periodic=self.periodic)
        return torch.where(self.holes[stage.scale], finer, self.fixed[stage.scale])

    def _variables(self, stage: Stage, image: Tensor) -> Pixels:
        self.pixels = Pixels(image, self.holes[stage.scale])
        return self.pixels

    def filled(self) -> Tensor:
        """The whole photograph with this part as its last stage left it."""
        return self._paste(self.pixels.image().detach().clamp(0, 1).cpu())

    def _paste(self, crop: Tensor) -> Tensor:
        whole = self.canvas.clone()
        part = self.box.cut(whole)
        part[:, self.hole] = crop[:, self.hole]
        return whole

    def _finish(self, crop: Tensor) -> Tensor:
        whole, alpha = self._paste(crop), self.photograph.original.alpha
        if alpha is None:
            return whole
        return torch.cat([whole, torch.where(self.photograph.hole, 1.0, alpha)])

    def _put_right(self, stage: Stage, image: Tensor) -> Tensor:
        """Give the hole's finest details the contrast of those around: averaging patches shrinks it."""
        hole, (texture, known) = self.holes[stage.scale], self.target[stage.scale]
        share = self.shares[stage.scale]
        if int(hole.sum()) < LEAST_COUNT or min(texture.shape[1:]) < 8:
            return image
        texture = fill_smoothly(texture, known)
        inner = shrunk(known, 2)
        weight = inner.to(texture) if share is None else inner * share
        wanted, have = details(texture, (False, False)), details(image, self.periodic)
        total = weight.sum()
        if not bool(total > 0):
            return image
        power = (wanted**2 * weight).sum((1, 2)) / total
        gain = (power / (have[:, hole] ** 2).mean(1).clamp_min(1e-12)).sqrt()
        gain = torch.where(power > 1e-9, gain.clamp(1 / MOST_GAIN, MOST_GAIN), 1.0)
        return torch.where(hole, (image + (gain - 1)[:, None, None] * have).clamp(0, 1), image)

    def _trust(self, hole: Tensor) -> Tensor:
        """Patches at the edge see what is known: it spreads inwards from them (cf. Wexler et al. 2007)."""
        depth = distance(~hole.cpu(), TRUST_DEPTH * 4, periodic=self.periodic)
        return torch.exp(-depth / TRUST_DEPTH).clamp_min(LEAST_TRUST).to(hole.device)
