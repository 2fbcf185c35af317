"""What goes where in a synthesis: the options that say so, and their meaning as a `Direction`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import Fit
from texot.files.depth import common_depth
from texot.files.exemplar import Exemplar, brightness, read_exemplar
from texot.files.labels import read_labels
from texot.files.mask import read_mask
from texot.images.areas import random_areas
from texot.images.autocorrelation import correlation_length
from texot.images.pyramid import Periodic
from texot.jobs.directed import Direction, Part
from texot.jobs.warps import Warp
from texot.solver.barycentric_weights import read_exemplars, whole_weights
from texot.solver.options import check_choice, real

SYMMETRIES: dict[str, list[tuple[int, bool]]] = {
    "none": [(0, False)],
    "flips": [(0, False), (0, True), (2, True), (2, False)],
    "rotations": [(quarters, False) for quarters in range(4)],
    "both": [(quarters, mirror) for mirror in (False, True) for quarters in range(4)],
}
"""Copies of the exemplar that are material too: quarters of a turn, and whether mirrored before."""

STRENGTH, BLEND = 0.5, 0.5
"""Defaults of `guide_strength` and `blend_scale`."""

_OBJECTS = 4.0  # size of objects in correlation lengths
_EVEN = 1 / 512  # range of brightness of a guide that is one colour
_ASPECT = 0.02  # tolerated difference of aspect ratios


@dataclass(frozen=True, eq=False)
class Controls:
    """The options of `texot.iter_synthesis` that say what goes where, read and checked.

    Attributes:
        proportions: of several exemplars, of sum 1, or None: by their areas.
        blend: `blend_scale`.
        source: (h, w) bool, or None.
        weights: (h, w) in [0, 1], or None.
        labels, areas: (h, w) and (H, W) int64, see `texot.files.labels.read_labels`, or None.
        names: colours of the labels.
        guide: (G, H, W), or None.
        guide_exemplar: (G, h, w), or None.
        strength: of the guide, above 0.
        symmetry: a key of `SYMMETRIES`.
        warp: maps of rotation and scale, or None.
        facts: the record of all of them, for settings.
    """

    proportions: list[float] | None = None
    blend: float = BLEND
    source: Tensor | None = None
    weights: Tensor | None = None
    labels: Tensor | None = None
    areas: Tensor | None = None
    names: list[str] = field(default_factory=list)
    guide: Tensor | None = None
    guide_exemplar: Tensor | None = None
    strength: float = STRENGTH
    symmetry: str = "none"
    warp: Warp | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def directs(self) -> bool:
        """Whether the synthesis of one exemplar is not a plain one."""
        return bool(self.facts.keys() - {"proportions", "blend_scale"})

    @property
    def needs_whole(self) -> bool:
        """Whether pictures belong to the whole exemplar, so that no part of it may stand for it."""
        return not (self.source is self.weights is self.labels is self.guide_exemplar is None)

    @property
    def target_size(self) -> tuple[int, int] | None:
        """(width, height) of the picture that the result follows, if there is one."""
        if self.warp is not None:
            return self.warp.size
        picture = self.guide if self.areas is None else self.areas
        return None if picture is None else (picture.shape[-1], picture.shape[-2])

    def direct(
        self,
        exemplars: Sequence[Exemplar],
        shares: Sequence[float],
        size: tuple[int, int],
        periodic: Periodic,
        generator: torch.Generator,
    ) -> Direction | None:
        """What goes where, or None for a plain synthesis of the only exemplar.

        Args:
            exemplars, shares: result of `merged`; exemplars have the same channels.
            size: (width, height) of the result.
            periodic: axes (y, x) along which it wraps around.
            generator: CPU generator, for the areas of several exemplars.

        Raises:
            InputError: a picture that does not fit the exemplar.
        """
        if len(exemplars) == 1 and not self.directs:
            return None
        shape = size[1], size[0]
        if self.warp is not None:
            copies, where = self.warp.applied(self._part(exemplars[0], 0), shape)
            soft = min(round(_objects(exemplars)), max(shape))
            return Direction(copies, where, soft) if len(copies) > 1 else Direction(copies)
        turns = SYMMETRIES[self.symmetry]
        parts = [
            part.turned(quarters, mirror=mirror)
            for number, exemplar in enumerate(exemplars)
            for part in [self._part(exemplar, number)]
            for quarters, mirror in turns
        ]
        areas, soft = None, 1
        if self.areas is not None:
            areas = F.interpolate(self.areas[None, None].float(), shape, mode="nearest")[0, 0].long()
        elif len(exemplars) > 1:
            soft = min(round(_objects(exemplars)), max(shape))
            areas = self._random_areas(exemplars, shares, shape, periodic, generator)
        guide = self.guide
        if guide is not None and tuple(guide.shape[1:]) != shape:
            guide = F.interpolate(guide[None], shape, mode="bilinear", antialias=True)[0]
        return Direction(parts, areas, soft, guide, self.strength, ranked=self.guide_exemplar is None)

    def _part(self, exemplar: Exemplar, number: int) -> Part:
        known = exemplar.mask
        width, height = exemplar.size
        classes = torch.full((height, width), number)
        weight = guide = None
        if self.source is not None:
            allowed = _fitted(self.source[None].float(), exemplar, "source mask")[0] >= 0.5
            known = allowed if known is None else known & allowed
        if self.weights is not None:
            weight = _fitted(self.weights[None], exemplar, "weights map")[0]
            known = weight > 0 if known is None else known & (weight > 0)
        if self.labels is not None:
            classes = _fitted(self.labels[None].float(), exemplar, "label picture", exact=True)[0].long()
            known = classes >= 0 if known is None else known & (classes >= 0)
            classes = classes.clamp_min(0)
            for label, name in enumerate(self.names):
                if not bool((known & (classes == label)).any()):
                    raise InputError(
                        f"no pixel of the exemplar is left for the label {name}: paint more of it"
                    )
        if self.guide_exemplar is not None:
            guide = _fitted(self.guide_exemplar, exemplar, "guide exemplar")
        elif self.guide is not None:
            guide = (brightness(exemplar.pixels) if exemplar.shade is None else exemplar.shade)[None]
        if known is not None and not bool(known.any()):
            raise InputError(
                "the source mask and the weights map leave nothing of the exemplar: use more of it"
            )
        known = None if known is None or bool(known.all()) else known
        return Part(exemplar.pixels, known, classes, weight, guide)

    def _random_areas(
        self,
        exemplars: Sequence[Exemplar],
        shares: Sequence[float],
        shape: tuple[int, int],
        periodic: Periodic,
        generator: torch.Generator,
    ) -> Tensor:
        """(H, W) int64, the exemplar of every pixel; areas are objects at a blend scale of 0, sides at 1."""
        side = max(shape)
        length = min(_objects(exemplars), side) ** (1 - self.blend) * side**self.blend
        order = sorted(range(len(shares)), key=lambda number: shares[number])
        found = random_areas(
            shape, [shares[number] for number in order], length, periodic=periodic, generator=generator
        )
        return torch.tensor(order)[found]


def _objects(exemplars: Sequence[Exemplar]) -> float:
    """Size of the largest objects in pixels."""
    return _OBJECTS * max(correlation_length(e.pixels[: e.main], e.mask) for e in exemplars)


def read_controls(
    *,
    n_exemplars: int = 1,
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
) -> Controls:
    """Read and check the options; see `texot.iter_synthesis`.

    Args:
        n_exemplars: number of exemplars.
        proportions, blend_scale, source, weights_map, labels, target_labels, guide, guide_exemplar,
            guide_strength, symmetry, rotation_map, scale_map: see there.

    Raises:
        InputError: an option that cannot be used.
    """
    check_choice("symmetry", symmetry, tuple(SYMMETRIES))
    if (labels is None) != (target_labels is None):
        raise InputError(
            "labels (of the exemplar) and target_labels (of the result) belong together: give both"
        )
    if guide is None and (guide_exemplar is not None or guide_strength is not None):
        raise InputError("guide_exemplar and guide_strength belong to a guide: give one")
    if n_exemplars == 1 and (proportions is not None or blend_scale is not None):
        raise InputError("proportions and blend_scale are for several exemplars: give two or more")
    maps = {"source": source, "weights_map": weights_map, "labels": labels, "guide_exemplar": guide_exemplar}
    extra = [name for name, value in maps.items() if value is not None]
    if n_exemplars > 1 and extra:
        raise InputError(f"{extra[0]} is for one exemplar: leave it out, or give one exemplar")
    warps = {"rotation_map": rotation_map, "scale_map": scale_map}
    warped = [name for name, value in warps.items() if value is not None]
    if warped and (n_exemplars > 1 or guide is not None or labels is not None or symmetry != "none"):
        raise InputError(
            f"{warped[0]} is for one exemplar, without labels, guide and symmetry: leave one of them out"
        )
    shares = None if proportions is None else whole_weights(proportions, n_exemplars)
    blend = BLEND if blend_scale is None else real("blend_scale", blend_scale, "a number from 0", 0, 1)
    strength = (
        STRENGTH
        if guide_strength is None
        else real("guide_strength", guide_strength, "a number from 0", 0, 1)
    )
    facts: dict[str, Any] = {}
    if n_exemplars > 1:
        facts |= {"proportions": shares, "blend_scale": blend}
    if symmetry != "none":
        facts["symmetry"] = symmetry
    mask = used = own = areas = picture = other = None
    names: list[str] = []
    fields = {name: read_exemplar(warps[name], alpha="ignore").linear().mean(0) for name in warped}
    facts |= {f"{name}_sha256": Exemplar(plane[None]).sha256 for name, plane in fields.items()}
    warp = Warp.of(fields.get("rotation_map"), fields.get("scale_map")) if warped else None
    if source is not None:
        found = read_exemplar(source, alpha="channel")
        mask = read_mask(found, found.size, name="source mask")
        facts["source_sha256"] = Exemplar(mask[None].float()).sha256
    if weights_map is not None:
        used = read_exemplar(weights_map, alpha="ignore").linear().mean(0)
        facts["weights_map_sha256"] = Exemplar(used[None]).sha256
    if labels is not None:
        own, areas, names = read_labels(labels, target_labels)
        facts["labels_sha256"] = Exemplar(own[None].float()).sha256
        facts["target_labels_sha256"] = Exemplar(areas[None].float()).sha256
    if guide is not None and strength > 0:
        picture = read_exemplar(guide, alpha="ignore").linear()
        if guide_exemplar is None:
            picture = brightness(picture)[None]
        else:
            other = read_exemplar(guide_exemplar, alpha="ignore").linear()
            if len(other) != len(picture):
                picture, other = brightness(picture)[None], brightness(other)[None]
            facts["guide_exemplar_sha256"] = Exemplar(other).sha256
        if other is None and float(picture.max() - picture.min()) < _EVEN:
            picture = None  # one brightness says nothing
        else:
            facts |= {"guide_sha256": Exemplar(picture).sha256, "guide_strength": strength}
    return Controls(
        shares, blend, mask, used, own, areas, names, picture, other, strength, symmetry, warp, facts
    )


def read_exemplars_of(several: list[Any], alpha: str, fit: Fit, part: int | None) -> list[Exemplar]:
    """The exemplars, of the same channels and kind of values."""
    if len(several) == 1:
        return [read_exemplar(several[0], alpha=alpha, fit=fit, part=part)]
    read = read_exemplars(several, alpha=alpha, fit=fit, part=part)
    depth = common_depth([one.depth for one in read], "exemplars")
    return [one.on_curve_of(depth, "exemplars") for one in read]


def all_pixels(sources: list[Exemplar]) -> tuple[Tensor, Tensor | None]:
    """The pixels of all exemplars and which of them are known, for `choose_palette`."""
    if len(sources) == 1:
        return sources[0].pixels, sources[0].mask
    masks = [
        torch.ones(one.pixels.shape[1:], dtype=torch.bool) if one.mask is None else one.mask
        for one in sources
    ]
    pixels = torch.cat([one.pixels.flatten(1) for one in sources], 1)
    return pixels[:, None], torch.cat([mask.flatten() for mask in masks])[None]


def merged(exemplars: list[Exemplar], proportions: list[float] | None) -> tuple[list[Exemplar], list[float]]:
    """The exemplars that have a share, without duplicates and in a fixed order, and their proportions."""
    shares = proportions or _by_area(exemplars)
    of: dict[str, list[int]] = {}
    for number, exemplar in enumerate(exemplars):
        if shares[number] > 0:
            of.setdefault(exemplar.sha256, []).append(number)
    groups = [of[key] for key in sorted(of)]
    return [exemplars[own[0]] for own in groups], [sum(shares[k] for k in own) for own in groups]


def _by_area(exemplars: Sequence[Exemplar]) -> list[float]:
    """Proportions of exemplars by their known pixels."""
    areas = [e.pixels[0].numel() if e.mask is None else int(e.mask.sum()) for e in exemplars]
    return [area / sum(areas) for area in areas]


def _fitted(planes: Tensor, exemplar: Exemplar, what: str, *, exact: bool = False) -> Tensor:
    """A picture (C, h, w) of the whole exemplar, resized and cropped to the part that is used.

    Args:
        planes: values.
        exemplar: the exemplar.
        what: name of the picture in messages.
        exact: whether values are names, which are not averaged.

    Raises:
        InputError: it has another shape.
    """
    (width, height), have = exemplar.whole, (planes.shape[2], planes.shape[1])
    if abs(have[0] * height / (have[1] * width) - 1) > _ASPECT:
        own, wanted = ("x".join(map(str, size)) for size in (have, (width, height)))
        raise InputError(
            f"the {what} is {own} px and the exemplar {wanted} px: give one of the exemplar's size"
        )
    if have != (width, height):
        mode = "nearest" if exact else "bilinear"
        planes = F.interpolate(planes[None], (height, width), mode=mode, antialias=not exact)[0]
    x, y = exemplar.origin
    return planes[:, y : y + exemplar.size[1], x : x + exemplar.size[0]].contiguous()
