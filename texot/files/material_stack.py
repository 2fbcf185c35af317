"""Materials as images of all their maps, by the code that suits them; see `texot.files.material_code`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.exemplar import Exemplar, brightness
from texot.files.layer import Values
from texot.files.material import Material, top_of
from texot.files.material_code import ROWS, MaterialCode, Scaling, rotated, scaled, signed_normals
from texot.files.material_names import ROLES
from texot.files.original import Original

WEIGHTS = {
    "basecolor": 1.0,
    **dict.fromkeys(("normal", "height", "opacity"), 0.5),
    **dict.fromkeys(("roughness", "gloss", "specular", "metallic", "occlusion", "emissive", "orm"), 0.25),
}
"""Default weights of the roles in the distance of patches."""

_MAX_WEIGHT = 1e12
_MIN_WEIGHT = 1e-4  # of maps that shall only follow: below, 16-bit values would lose bits
_CONSTANT = 1e-6  # spread over range of maps that count as constant
_MATCHED = 0.98  # fraction of the variance in the principal axes that are matched


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
        scalings: list[Scaling] = []
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
            signed = signed_normals(role, values[0])
            scalings.append(Scaling(role, first, first + channels, mean, scale, signed))
            first += channels
        axes, variance, reach = self._principal_axes(scalings)
        main = 1 + int((np.cumsum(variance) < _MATCHED * variance.sum()).sum())
        factor = 0.5 / reach if reach > 0 else 1.0
        self.code = MaterialCode(tuple(scalings), axes, factor, main, self.materials[0])

    def _principal_axes(self, scalings: Sequence[Scaling]) -> tuple[Values, Values, float]:
        """Orthonormal axes (C, C) of the scaled channels, their variances, the largest absolute coordinate.

        Variances fall. Sums are those of `einsum`, which do not depend on the number of threads.
        """
        channels = scalings[-1].last
        moments = np.zeros((channels, channels))
        for material in self.materials:
            for _, z in scaled(material, scalings):
                moments += np.einsum("nc,nd->cd", z, z)
        axes = np.linalg.eigh(moments)[1][:, ::-1].T
        axes *= np.where(axes[np.arange(channels), np.abs(axes).argmax(1)] < 0, -1, 1)[:, None]
        reach = 0.0
        for material in self.materials:
            for _, z in scaled(material, scalings):
                reach = max(reach, float(np.abs(rotated(z, axes)).max()))
        return axes, np.einsum("ij,jk,ik->i", axes, moments, axes), reach

    def pixels(self, number: int = 0) -> Tensor:
        """The stack (C, H, W) in [0, 1] of a material."""
        return self.code.pixels(self.materials[number])

    def exemplar(self, number: int = 0) -> Exemplar:
        """A material as an exemplar, whose main principal axes are matched."""
        material = self.materials[number]
        values = next(iter(material.layers.values())).values
        shade = brightness(torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)) / top_of(values)
        return Exemplar(
            self.pixels(number),
            None,
            "multi",
            name=material.name,
            main=self.code.main,
            shade=shade,
            code=self.code,
        )

    def start(self, material: Material) -> Exemplar:
        """Another material with the same maps, such as an earlier result, as a start image of a job.

        Raises:
            InputError: it has other maps.
        """
        first = self.materials[0]
        found = material.in_convention(first.convention)
        for role in first.layers:
            _values_of(found, role, first)
        return Exemplar(self.code.pixels(found).clamp(0, 1), None, "multi", name=found.name)

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
        found = self.code.values(image)
        if unchanged is not None and (image.shape[2], image.shape[1]) == source.size:  # else it was reduced
            kept = (image == self.pixels(unchanged)).all(0).numpy()
            found = {
                role: np.where(kept[..., None], source.layers[role].values, values)
                for role, values in found.items()
            }
        return source.with_values(found)


def _weights(given: Mapping[str, float] | None, material: Material) -> dict[str, float]:
    """The weight of every role of a material."""
    found = dict(WEIGHTS)
    for role, weight in (given or {}).items():
        if role not in ROLES:
            raise InputError(f"unknown role {quoted(role)}: expected one of {', '.join(ROLES)}")
        if role not in material.layers:
            raise InputError(f"weight of {role}: its maps are {', '.join(material.layers)}")
        if isinstance(weight, bool) or not isinstance(weight, numbers.Real) or not 0 <= weight <= _MAX_WEIGHT:
            raise InputError(
                f"the weight of {role} must be 0 or a positive number of at most {_MAX_WEIGHT:g}, "
                f"not {quoted(weight)}"
            )
        found[role] = float(weight)
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


def _variance_sum(values: Values, mean: Values) -> float:
    """The sum of squared differences of values (H, W, C) from a mean (C,), in bands of rows."""
    bands = np.array_split(values, -(-len(values) // ROWS))
    return float(sum(np.square(band.astype(np.float64) - mean).sum() for band in bands))
