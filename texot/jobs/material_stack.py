"""Materials as images of all their maps.

Role r with C_r channels is scaled by its spread and a weight w_r:

    z_r = sqrt(3 w_r / C_r) (m_r - mean m_r) / spread m_r

so that squared distances of patches of z are weighted sums over the maps. A rotation to principal axes leaves
these distances; the few axes that hold nearly all variance are matched, the others follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.exemplar import Exemplar, brightness
from texot.files.layer import Values
from texot.files.material import Material, is_signed, top_of, unit_normals
from texot.files.material_names import ROLES
from texot.files.original import Original
from texot.solver.options import real

if TYPE_CHECKING:
    pass

WEIGHTS = {
    "basecolor": 1.0,
    **dict.fromkeys(("normal", "height", "opacity"), 0.5),
    **dict.fromkeys(("roughness", "gloss", "specular", "metallic", "occlusion", "emissive", "orm"), 0.25),
}
"""Default weights of the roles in the distance of patches."""

_MIN_WEIGHT = 1e-4  # of maps that shall only follow: below, 16-bit values would lose bits
_CONSTANT = 1e-6  # spread over range of maps that count as constant

_MATCHED = 0.98  # fraction of the variance in the principal axes that are matched
_ROWS = 256  # of a result that are converted at once


@dataclass(frozen=True)
class _Scaling:
    """The channels [first, last) of a role: z = (value - mean) * scale."""

    role: str
    first: int
    last: int
    mean: Values  # (C,)
    scale: float


class MaterialStack:
    """Materials as images of the same channels, and back.

    Args:
        materials: one, or several with the same roles and channels.
        weights: weights of roles in the distance, where they differ from `WEIGHTS`. 0: the map only follows.

    Normals are converted to the convention (OpenGL or DirectX) of the first material.

    Raises:
        InputError: an unknown role, a negative weight, or materials with different maps.
    """

    def __init__(self, materials: Sequence[Material], weights: Mapping[str, float] | None = None) -> None:
        convention = materials[0].convention
        self.materials = [one.in_convention(convention) for one in materials]
        wanted = _weights(weights, self.materials[0])
        self._scalings: list[_Scaling] = []
        first = 0
        for role in self.materials[0].layers:
            values = [_values_of(material, role, self.materials[0]) for material in self.materials]
            channels, count = values[0].shape[2], sum(one[..., 0].size for one in values)
            mean = sum(one.sum((0, 1), dtype=np.float64) for one in values) / count
            low, high = (np.stack([at(one, axis=(0, 1)) for one in values]) for at in (np.min, np.max))
            reach = float(np.maximum(high.max(0) - mean, mean - low.min(0)).max())
            square = sum(_variance_sum(one, mean) for one in values) / (count * channels)
            flat = reach <= _CONSTANT * max(1e-30, float(np.abs(high).max()))
            scale = 0.0 if flat else (3 * wanted[role] / channels / square) ** 0.5
            self._scalings.append(_Scaling(role, first, first + channels, mean, scale))
            first += channels
        self._axes, variance, reach = self._principal_axes(first)
        self._main = 1 + int((np.cumsum(variance) < _MATCHED * variance.sum()).sum())
        self._scale = 0.5 / reach if reach > 0 else 1.0  # into [0, 1], the range of pixels

    def _principal_axes(self, channels: int) -> tuple[Values, Values, float]:
        """Orthonormal axes (C, C) of the scaled channels, their variances, the largest absolute coordinate.

        Variances fall. Sums are those of `einsum`, which do not depend on the number of threads.
        """
        moments = np.zeros((channels, channels))
        for material in self.materials:
            for _, z in self._bands(material):
                moments += np.einsum("nc,nd->cd", z, z)
        axes = np.linalg.eigh(moments)[1][:, ::-1].T
        axes *= np.where(axes[np.arange(channels), np.abs(axes).argmax(1)] < 0, -1, 1)[:, None]
        reach = 0.0
        for material in self.materials:
            for _, z in self._bands(material):
                reach = max(reach, float(np.abs(_rotated(z, axes)).max()))
        return axes, np.einsum("ij,jk,ik->i", axes, moments, axes), reach

    def _bands(self, material: Material) -> Iterator[tuple[slice, Values]]:
        """Rows of a material with their scaled channels (n, C), centred, some at a time."""
        for begin in range(0, material.size[1], _ROWS):
            rows = slice(begin, min(begin + _ROWS, material.size[1]))
            parts = [
                (material.layers[one.role].values[rows].astype(np.float64) - one.mean) * one.scale
                for one in self._scalings
            ]
            z = np.concatenate(parts, 2)
            yield rows, z.reshape(-1, z.shape[2])

    def pixels(self, number: int = 0) -> Tensor:
        """The stack (C, H, W) in [0, 1] of a material."""
        return self._pixels(self.materials[number])

    def _pixels(self, material: Material) -> Tensor:
        width, height = material.size
        found = torch.empty((len(self._axes), height, width), dtype=torch.float32)
        for rows, z in self._bands(material):
            planes = _rotated(z, self._axes).T * self._scale + 0.5
            found[:, rows] = torch.from_numpy(planes.reshape(len(planes), -1, width).astype(np.float32))
        return found

    def exemplar(self, number: int = 0) -> Exemplar:
        """A material as an exemplar, whose main principal axes are matched."""
        material = self.materials[number]
        values = next(iter(material.layers.values())).values
        shade = brightness(torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)) / top_of(values)
        return Exemplar(self.pixels(number), None, "multi", name=material.name, main=self._main, shade=shade)

    def start(self, material: Material) -> Exemplar:
        """Another material with the same maps, such as an earlier result, as a start image of a job.

        Raises:
            InputError: it has other maps.
        """
        first = self.materials[0]
        found = material.in_convention(first.convention)
        for role in first.layers:
            _values_of(found, role, first)
        return Exemplar(self._pixels(found).clamp(0, 1), None, "multi", name=found.name)

    def original(self, number: int = 0) -> Original:
        """A material as a photograph to be changed in parts."""
        return Original.of(self.pixels(number), "multi", None, None)

    def material(self, image: Tensor, *, unchanged: int | None = None) -> Material:
        """The maps of a result.

        Args:
            image: (C, H, W) in [0, 1], a stack.
            unchanged: number of the material whose pixels the result has where the stacks are equal: these
                values are exactly those of the input.
        """
        source = self.materials[0 if unchanged is None else unchanged]
        kept = None
        if unchanged is not None and (image.shape[2], image.shape[1]) == source.size:  # else it was reduced
            kept = (image == self.pixels(unchanged)).all(0).numpy()
        height, width = image.shape[1:]
        like = {one.role: source.layers[one.role].values for one in self._scalings}
        found = {
            role: np.empty((height, width, values.shape[2]), values.dtype) for role, values in like.items()
        }
        for begin in range(0, height, _ROWS):
            rows = slice(begin, begin + _ROWS)
            planes = (image[:, rows].flatten(1).double().numpy() - 0.5) / self._scale
            z = _rotated(planes.T, self._axes.T).reshape(-1, width, len(planes))
            for one in self._scalings:
                part = z[..., one.first : one.last]
                part = part / one.scale + one.mean if one.scale else np.broadcast_to(one.mean, part.shape)
                if one.role == "normal":
                    part = unit_normals(part, top_of(like[one.role]), signed=is_signed(like[one.role]))
                found[one.role][rows] = cast(part, like[one.role])
        if kept is not None:
            found = {role: np.where(kept[..., None], like[role], values) for role, values in found.items()}
        return source.with_values(found)

    def sketch(self, image: Tensor, role: str) -> Values:
        """One map (H, W, C) of the image of a state, quickly, in the type of the first material.

        Args:
            image: (k, H, W) in [0, 1], the first k channels of a stack; the others count as their means.
            role: of the map. Normals are not scaled to unit length.
        """
        one = next(one for one in self._scalings if one.role == role)
        axes = torch.from_numpy(self._axes[: len(image), one.first : one.last].astype(np.float32))
        mean = torch.from_numpy(one.mean.astype(np.float32))
        factor = 1 / (one.scale * self._scale) if one.scale else 0.0
        planes = torch.einsum("khw,kc->hwc", image.float().cpu() - 0.5, axes * factor) + mean
        return cast(planes.numpy(), self.materials[0].layers[role].values)


def _weights(given: Mapping[str, float] | None, material: Material) -> dict[str, float]:
    """The weight of every role of a material."""
    found = dict(WEIGHTS)
    for role, weight in (given or {}).items():
        if role not in ROLES:
            raise InputError(f"unknown role {quoted(role)}: expected one of {', '.join(ROLES)}")
        if role not in material.layers:
            raise InputError(f"weight of {role}: its maps are {', '.join(material.layers)}")
        found[role] = real(f"the weight of {role}", weight, "0 or a positive number", 0)
    return {role: max(_MIN_WEIGHT, weight) for role, weight in found.items()}


def _values_of(material: Material, role: str, first: Material) -> Values:
    """The values of a material's map, which the first material has too."""
    if set(material.layers) != set(first.layers):
        raise InputError(
            f"materials need the same maps: {first.name!r} has {', '.join(first.layers)}, {material.name!r} "
            f"has {', '.join(material.layers)}"
        )
    values, other = material.layers[role].values, first.layers[role].values
    if values.shape[2] != other.shape[2] or values.dtype != other.dtype:
        raise InputError(
            f"the {role} maps of {first.name!r} and {material.name!r} differ in channels or "
            "bit depth: convert one"
        )
    return values


def _rotated(z: Values, axes: Values) -> Values:
    """Vectors (n, C) in orthonormal axes (C, C), (n, C)."""
    found: Values = np.einsum("nc,kc->nk", z, axes)
    return found


def _variance_sum(values: Values, mean: Values) -> float:
    """The sum of squared differences of values (H, W, C) from a mean (C,), in bands of rows."""
    bands = np.array_split(values, -(-len(values) // _ROWS))
    return float(sum(np.square(band.astype(np.float64) - mean).sum() for band in bands))


def cast(values: Values, like: Values) -> Values:
    """Values in the type of others: integers are rounded and clipped, colours of 8-bit files clipped."""
    if like.dtype.kind in "iu":
        limits = np.iinfo(like.dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(like.dtype)
    return values.astype(like.dtype)
