"""The code of a material: its maps as one image in principal axes, and back.

Role r with C_r channels is scaled by its spread and a weight w_r:

    z_r = sqrt(3 w_r / C_r) (m_r - mean m_r) / spread m_r

so that squared distances of patches of z are weighted sums over the maps. A rotation to principal axes leaves
these distances; the few axes that hold nearly all variance are matched, the others follow.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.deep_image import DeepImage
from texot.files.layer import Layer, Values
from texot.files.material import SUFFIXES, Material, is_signed, top_of, unit_normals
from texot.files.material_names import ROLES
from texot.files.original import Original

ROWS = 256
"""Rows of a result that are converted at once."""
_MOST_CHANNELS = 32  # of all maps together, and 4 of one
_MODES = {"L": 1, "RGB": 3, "LA": 2, "RGBA": 4, "I;16": 1}
_TYPES = ("uint8", "uint16", "uint32", "float16", "float32", "float64")


@dataclass(frozen=True)
class Scaling:
    """The channels [first, last) of a role: z = (value - mean) * scale.

    Attributes:
        role: of the map.
        first, last: of its channels.
        mean: (C,).
        scale: 0 for a constant map.
        signed: whether it has normals that are stored from -1 to 1.
    """

    role: str
    first: int
    last: int
    mean: Values
    scale: float
    signed: bool = False


@dataclass(frozen=True, eq=False)
class MaterialCode:
    """The code of materials with the same maps.

    Attributes:
        scalings: of the maps, in the order of their channels.
        axes: (C, C) orthonormal, the principal axes as rows; variances fall.
        factor: of coordinates, into [0, 1] around .5, the range of pixels.
        main: number of axes that are matched.
        like: a material whose files' names, kinds, types and convention results have.
    """

    scalings: tuple[Scaling, ...]
    axes: Values
    factor: float
    main: int
    like: Material

    @property
    def channels(self) -> int:
        """The number C of channels of all maps."""
        return len(self.axes)

    def pixels(self, material: Material) -> Tensor:
        """The image (C, H, W) of a material with the same maps, in [0, 1]."""
        width, height = material.size
        found = torch.empty((self.channels, height, width), dtype=torch.float32)
        for rows, z in scaled(material, self.scalings):
            planes = rotated(z, self.axes).T * self.factor + 0.5
            found[:, rows] = torch.from_numpy(planes.reshape(len(planes), -1, width).astype(np.float32))
        return found

    def values(self, image: Tensor) -> dict[str, Values]:
        """The maps (H, W, C_r) of an image (C, H, W), by role; normals have unit length."""
        height, width = image.shape[1:]
        like = {one.role: self.like.layers[one.role].values for one in self.scalings}
        found = {role: np.empty((height, width, own.shape[2]), own.dtype) for role, own in like.items()}
        for begin in range(0, height, ROWS):
            rows = slice(begin, begin + ROWS)
            planes = (image[:, rows].flatten(1).double().numpy() - 0.5) / self.factor
            z = rotated(planes.T, self.axes.T).reshape(-1, width, len(planes))
            for one in self.scalings:
                part = z[..., one.first : one.last]
                part = part / one.scale + one.mean if one.scale else np.broadcast_to(one.mean, part.shape)
                if one.role == "normal":
                    part = unit_normals(part, top_of(like[one.role]), signed=one.signed)
                found[one.role][rows] = cast(part, like[one.role])
        return found

    def material(self, image: Tensor) -> Material:
        """The maps of an image (C, H, W) in [0, 1]."""
        return self.like.with_values(self.values(image))

    def sketch(self, image: Tensor, role: str) -> Values:
        """One map (H, W, C_r) of the image of a state, quickly, in the type of its file.

        Args:
            image: (k, H, W) in [0, 1], the first k channels; the others count as their means.
            role: of the map. Normals are not scaled to unit length.
        """
        matrix, mean = self._linear(role, len(image))
        planes = torch.einsum("khw,kc->hwc", image.float().cpu() - 0.5, matrix) + mean
        return cast(planes.numpy(), self.like.layers[role].values)

    def picture(self, image: Tensor) -> Tensor:
        """The first map of an image, see `sketch`, which is the base colour if there is one.

        Returns:
            (1 or 3, H, W) in [0, 1].
        """
        role, layer = next(iter(self.like.layers.items()))
        values = self.sketch(image, role)
        values = values[..., : values.shape[2] - layer.has_alpha].astype("float32") / top_of(values)
        planes = torch.from_numpy(values).permute(2, 0, 1).clamp(0, 1)
        return planes[:3] if len(planes) >= 3 else planes[:1]

    def colours(self, image: Tensor) -> Tensor | None:
        """The base colour (1 or 3, H, W) of an image (C, H, W), differentiable; None: there is none.

        Values of 8-bit files are from 0 to 1, those of other files as there, over their largest integer.
        """
        layer = self.like.layers.get("basecolor")
        if layer is None:
            return None
        count = layer.values.shape[2] - layer.has_alpha
        if count not in (1, 3):
            return None
        matrix, mean = (part[..., :count].to(image) for part in self._linear("basecolor", self.channels))
        found: Tensor = torch.einsum("khw,kc->chw", image - 0.5, matrix) + mean[:, None, None]
        return found / top_of(layer.values)

    def _linear(self, role: str, count: int) -> tuple[Tensor, Tensor]:
        """A role as a linear function of the first `count` channels minus .5: (count, C_r) and (C_r,)."""
        one = next(one for one in self.scalings if one.role == role)
        axes = self.axes[:count, one.first : one.last]
        factor = 1 / (one.scale * self.factor) if one.scale else 0.0
        return torch.from_numpy((axes * factor).astype(np.float32)), torch.from_numpy(
            one.mean.astype(np.float32)
        )

    def facts(self) -> dict[str, Any]:
        """The code as plain JSON values."""
        maps = [
            {
                "role": one.role,
                "file": self.like.files[one.role],
                "mean": [float(m) for m in one.mean],
                "scale": float(one.scale),
                "signed": one.signed,
                "image": _kind_of(self.like.layers[one.role]),
            }
            for one in self.scalings
        ]
        return {
            "name": self.like.name,
            "convention": self.like.convention,
            "main": self.main,
            "factor": float(self.factor),
            "axes": [[float(a) for a in row] for row in self.axes],
            "maps": maps,
        }

    @classmethod
    def of_facts(cls, facts: Any) -> MaterialCode:
        """The code that `facts` described, from a file that may be damaged or malicious.

        Raises:
            InputError: it is no such description.
        """
        try:
            return cls._of_facts(facts)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError("its description of the maps is damaged") from error

    @classmethod
    def _of_facts(cls, facts: Any) -> MaterialCode:
        scalings: list[Scaling] = []
        layers, files = {}, {}
        for one in facts["maps"]:
            role, file, mean = one["role"], one["file"], np.array(one["mean"], np.float64)
            layer, first = _layer_of(one["image"], len(mean)), scalings[-1].last if scalings else 0
            scale = float(one["scale"])
            plain = isinstance(file, str) and file == os.path.basename(file.replace("\\", "/"))
            if role not in ROLES or role in layers or not plain or not file.lower().endswith(SUFFIXES):
                raise ValueError("a map")
            if mean.ndim != 1 or not np.isfinite(mean).all() or not 0 <= scale < np.inf:
                raise ValueError("its scaling")
            layers[role], files[role] = layer, file
            scalings.append(Scaling(role, first, first + len(mean), mean, scale, one["signed"] is True))
        axes = np.array(facts["axes"], np.float64)
        count, main, factor = scalings[-1].last, facts["main"], float(facts["factor"])
        if axes.shape != (count, count) or count > _MOST_CHANNELS or not np.isfinite(axes).all():
            raise ValueError("axes")
        if type(main) is not int or not 1 <= main <= count or not 0 < factor < np.inf:
            raise ValueError("numbers")
        name, convention = facts["name"], facts["convention"]
        if not isinstance(name, str) or len(name) > 255 or convention not in ("opengl", "directx"):
            raise ValueError("name")
        return cls(tuple(scalings), axes, factor, main, Material(layers, files, name, convention))


def scaled(material: Material, scalings: Sequence[Scaling]) -> Iterator[tuple[slice, Values]]:
    """Rows of a material with their scaled channels (n, C), centred, some at a time."""
    for begin in range(0, material.size[1], ROWS):
        rows = slice(begin, min(begin + ROWS, material.size[1]))
        parts = [
            (material.layers[one.role].values[rows].astype(np.float64) - one.mean) * one.scale
            for one in scalings
        ]
        z = np.concatenate(parts, 2)
        yield rows, z.reshape(-1, z.shape[2])


def rotated(z: Values, axes: Values) -> Values:
    """Vectors (n, C) in orthonormal axes (C, C), (n, C)."""
    found: Values = np.einsum("nc,kc->nk", z, axes)
    return found


def cast(values: Values, like: Values) -> Values:
    """Values in the type of others: integers are rounded and clipped, colours of 8-bit files clipped."""
    if like.dtype.kind in "iu":
        limits = np.iinfo(like.dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(like.dtype)
    return values.astype(like.dtype)


def signed_normals(role: str, values: Values) -> bool:
    """Whether a map has normals that are stored from -1 to 1."""
    return role == "normal" and is_signed(values)


def _kind_of(layer: Layer) -> dict[str, Any]:
    """What a layer's file is, without its values."""
    image = layer.image
    icc = None if image.icc_profile is None else base64.b64encode(image.icc_profile).decode()
    if isinstance(image, Original):
        return {"mode": image.mode, "icc_profile": icc}
    return {
        "type": image.values.dtype.name,
        "kind": image.kind,
        "names": list(image.names),
        "halves": list(image.halves),
        "alpha": image.alpha,
        "premultiplied": image.premultiplied,
        "icc_profile": icc,
        "chromaticities": None if image.chromaticities is None else list(image.chromaticities),
        "compression": image.compression,
    }


def _layer_of(kind: Mapping[str, Any], channels: int) -> Layer:
    """A layer of one pixel of a kind that `_kind_of` described.

    Raises:
        ValueError: it is none.
    """
    icc = None if kind["icc_profile"] is None else base64.b64decode(kind["icc_profile"], validate=True)
    if not 1 <= channels <= 4:
        raise ValueError("channels")
    if "mode" in kind:
        if _MODES[kind["mode"]] != channels:
            raise ValueError("mode")
        return Layer(Original.of(torch.ones(channels, 1, 1), kind["mode"], icc, None))
    names, alpha = tuple(kind["names"]), kind["alpha"]
    chromaticities = kind["chromaticities"]
    sound = (
        kind["type"] in _TYPES
        and kind["kind"] in ("PNG", "TIFF", "OpenEXR", "Radiance")
        and len(names) == channels
        and all(isinstance(name, str) and len(name) < 64 for name in names)
        and (alpha is None or (type(alpha) is int and 0 <= alpha < channels))
        and isinstance(kind["compression"], str)
    )
    if not sound:
        raise ValueError("image")
    return Layer(
        DeepImage(
            np.ones((1, 1, channels), kind["type"]),
            kind["kind"],
            names,
            tuple(bool(half) for half in kind["halves"]),
            alpha,
            kind["premultiplied"] is True,
            icc,
            None,
            None if chromaticities is None else tuple(float(c) for c in chromaticities),
            kind["compression"],
        )
    )
