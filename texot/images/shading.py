"""Images of a lit surface, from its colour, normals and reflection: a plane, or a sphere that it covers.

The viewer is far away along z; x is to the right and y up. One light is far away too, and light of equal
radiance comes from everywhere (`Lighting`). Reflection: `texot.images.brdf`. The ambient light that the
specular term does not reflect is reflected by the diffuse one, so that a white surface shows the ambient
radiance itself. There are no cast shadows and no light that is reflected twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.brdf import MIN_COSINE, brdf, reflectance

DIELECTRIC = 0.08
"""Reflectance of a non-metal at normal incidence for specular = 1 (Burley 2012); for 0.5 it is 0.04."""
DEPTH = 0.05
"""Height of white above black in a height map, as a share of its width."""
BACKGROUND = 0.05
"""Linear radiance behind the surface."""

_ROWS = 2**18  # pixels shaded at once
_KNEE = 0.8  # radiance above which tones are compressed
_FILLED = 0.96  # of the picture's side, by the sphere
_FINER = 2  # samples of the sphere's texture per pixel, on each axis
_FADE = 0.25  # cosine over which light fades on the side of a sphere that faces away from it


@dataclass(frozen=True)
class Lighting:
    """One light far away, and light of equal radiance from everywhere.

    Attributes:
        azimuth: degrees, counterclockwise from the right: 90 is from the top of the image, 180 from the left.
        elevation: degrees above the plane of the image, 0 to 90; 90 is from the viewer.
        irradiance: of a surface that faces the light; with pi, it shows its diffuse colour.
        ambient: radiance from everywhere.
    """

    azimuth: float = 135.0
    elevation: float = 45.0
    irradiance: float = math.pi
    ambient: float = 0.3

    def direction(self) -> tuple[float, float, float]:
        """The unit vector to the light."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        across = math.cos(elevation)
        return across * math.cos(azimuth), across * math.sin(azimuth), math.sin(elevation)


@dataclass(frozen=True, eq=False)
class Surface:
    """Maps of a surface, float32 (C, H, W), in the units of reflection.

    Attributes:
        basecolor: (3, H, W), linear, from 0 to 1.
        normal: (3, H, W), unit vectors: x to the right, y up, z to the viewer.
        roughness: (1, H, W), from 0 to 1.
        metallic: (1, H, W), from 0 to 1.
        occlusion: (1, H, W), share of the ambient light that arrives.
        specular: (3, H, W), from 0 to 1: reflectance of the dielectric share over `DIELECTRIC`.
        emissive: (3, H, W), linear radiance from 0.
        opacity: (1, H, W), from 0 to 1.
    """

    basecolor: Tensor
    normal: Tensor
    roughness: Tensor
    metallic: Tensor
    occlusion: Tensor
    specular: Tensor
    emissive: Tensor
    opacity: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.basecolor.shape[2], self.basecolor.shape[1]

    def each(self, change: Callable[[Tensor], Tensor]) -> Surface:
        """The surface with all maps changed; normals are normalised again."""
        maps = {field.name: change(getattr(self, field.name)) for field in fields(self)}
        maps["normal"] = F.normalize(maps["normal"], dim=0, eps=1e-6)
        return Surface(**maps)

    def rows(self, first: int, last: int) -> Surface:
        """The surface of the rows [first, last)."""
        return Surface(**{field.name: getattr(self, field.name)[:, first:last] for field in fields(self)})

    def resized(self, width: int, height: int) -> Surface:
        """The surface at another size: means where it becomes smaller, else linear interpolation."""
        if self.size == (width, height):
            return self
        return self.each(
            lambda planes: F.interpolate(planes[None], (height, width), mode="bilinear", antialias=True)[
                0
            ].clamp_max(planes.amax())
        )

    def reduced(self, side: float) -> Surface:
        """The surface at a size whose longer side is at most `side` pixels, never enlarged."""
        factor = min(1.0, side / max(self.size))
        width, height = (max(1, round(length * factor)) for length in self.size)
        return self.resized(width, height)


def linear_of(encoded: Tensor) -> Tensor:
    """Linear values of sRGB-encoded ones from 0 to 1 (IEC 61966-2-1)."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055).clamp_min(0) ** 2.4)


def encoded_of(linear: Tensor) -> Tensor:
    """sRGB-encoded values of linear ones from 0 to 1 (IEC 61966-2-1)."""
    return torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    )


def toned(radiance: Tensor) -> Tensor:
    """Values below 1 for any radiance: the same up to 0.8, above it 0.8 + 0.2 (1 - exp(-(x - 0.8) / 0.2))."""
    rest = 1 - _KNEE
    above = _KNEE + rest * (1 - torch.exp(-(radiance - _KNEE).clamp_min(0) / rest))
    return torch.where(radiance <= _KNEE, radiance, above)


def normals_of(height: Tensor, depth: float = DEPTH) -> Tensor:
    """Unit normals of a height map, by central differences that wrap around at the edges.

    Args:
        height: (1, H, W) from 0 to 1.
        depth: height of 1 above 0, as a share of the width.

    Returns:
        (3, H, W): x to the right, y up, z out of the surface.
    """
    raised = height[0] * (depth * height.shape[2])
    right = (raised.roll(-1, 1) - raised.roll(1, 1)) / 2
    down = (raised.roll(-1, 0) - raised.roll(1, 0)) / 2
    return F.normalize(torch.stack([-right, down, torch.ones_like(right)]), dim=0)


def curl_of(normal: Tensor) -> float:
    """Mean absolute curl of the slopes of normals: 0 for those of a height map, if y has the right sign.

    Args:
        normal: (3, H, W), y up, of at least 3 x 3 pixels.
    """
    right, up = -normal[:2] / normal[2].clamp_min(0.1)
    along_up = (right[:-2, 1:-1] - right[2:, 1:-1]) / 2
    along_right = (up[1:-1, 2:] - up[1:-1, :-2]) / 2
    return float((along_up - along_right).abs().mean())


def radiance(surface: Surface, lighting: Lighting, facing: Tensor | None = None) -> Tensor:
    """Radiance towards the viewer.

    Args:
        surface: its normals are in the frame of the image.
        lighting: the light.
        facing: (H, W) cosine between the light and the shape without its relief; None: it faces the light.

    Returns:
        (3, H, W), from 0.
    """
    light = surface.normal.new_tensor(lighting.direction())
    half = F.normalize(light + light.new_tensor([0, 0, 1]), dim=0)
    n_l, n_h = (
        torch.einsum("chw,c->hw", surface.normal, to).clamp(0, 1) for to in (light, half)
    )  # the viewer and the light are far away: both directions are the same everywhere
    n_v = surface.normal[2].clamp(MIN_COSINE, 1)
    diffuse = surface.basecolor * (1 - surface.metallic)
    f0 = torch.lerp(DIELECTRIC * surface.specular, surface.basecolor, surface.metallic)
    rough = surface.roughness
    found = brdf(n_l, n_v, n_h, (light * half).sum(), diffuse=diffuse, f0=f0, roughness=rough)
    direct = lighting.irradiance * n_l * found
    if facing is not None:
        direct = direct * (1 + facing / _FADE).clamp(0, 1)
    specular = reflectance(n_v, f0, rough[0])
    ambient = lighting.ambient * surface.occlusion * ((1 - specular) * diffuse + specular)
    return direct + ambient + surface.emissive


def shade_plane(surface: Surface, lighting: Lighting | None = None, *, repeat: int = 1) -> Tensor:
    """Image of a plane seen from above.

    Args:
        surface: its maps.
        lighting: the light; None: the default one.
        repeat: copies of the surface along both axes.

    Returns:
        (3, repeat * H, repeat * W), sRGB-encoded, from 0 to 1.
    """
    lighting = lighting or Lighting()
    width, height = surface.size
    rows = max(1, _ROWS // width)
    parts = []
    for top in range(0, height, rows):
        part = surface.rows(top, top + rows)
        parts.append(torch.lerp(_background(part), toned(radiance(part, lighting)), part.opacity))
    return encoded_of(torch.cat(parts, 1)).clamp(0, 1).repeat(1, repeat, repeat)


def shade_sphere(surface: Surface, side: int, lighting: Lighting | None = None, *, repeat: int = 1) -> Tensor:
    """Image of a sphere with the surface around it in equirectangular projection.

    The height of `repeat` copies goes from pole to pole; the width is in proportion at the equator. Normals
    are turned into the frame of longitude, latitude and radius at each point.

    Args:
        surface: its maps.
        side: of the image, in pixels.
        lighting: the light; None: the default one.
        repeat: copies of the surface from pole to pole.

    Returns:
        (3, side, side), sRGB-encoded, from 0 to 1; the edge of the sphere is antialiased.
    """
    lighting = lighting or Lighting()
    radius = _FILLED * side / 2
    across = (torch.arange(side) + 0.5 - side / 2).to(surface.basecolor)
    edge = (radius + 0.5 - torch.hypot(across[:, None], across)).clamp(0, 1)
    steps = (torch.arange(side * _FINER) + 0.5) / _FINER - side / 2
    steps = (steps / radius).to(surface.basecolor)
    rows = max(1, _ROWS // len(steps) // _FINER) * _FINER
    parts = []
    for top in range(0, len(steps), rows):
        y, x = torch.meshgrid(-steps[top : top + rows], steps, indexing="ij")
        fine = _shaded_sphere(surface, x, y, lighting, repeat)
        parts.append(F.avg_pool2d(fine[None], _FINER)[0])
    image = torch.cat(parts, 1)
    return encoded_of(torch.lerp(torch.full_like(image, BACKGROUND), image, edge)).clamp(0, 1)


def _shaded_sphere(surface: Surface, x: Tensor, y: Tensor, lighting: Lighting, repeat: int) -> Tensor:
    """Toned radiance (3, h, w) of points (x, y) of the unit sphere; points outside move to its edge."""
    inside = torch.hypot(x, y).clamp_min(1).reciprocal() * 0.9999
    x, y = x * inside, y * inside
    z = (1 - x**2 - y**2).clamp_min(0).sqrt()
    longitude, latitude = torch.atan2(x, z), torch.asin(y)
    width, height = surface.size
    u = 0.5 + longitude / math.pi * repeat * height / width
    v = (0.5 - latitude / math.pi) * repeat
    part = _sampled(surface, u, v)
    parallel = torch.hypot(x, z).clamp_min(1e-6)
    east = torch.stack([z, torch.zeros_like(x), -x]) / parallel
    up = torch.stack([x, y, z])
    north = torch.cross(up, east, dim=0)
    turned = part.normal[0] * east + part.normal[1] * north + part.normal[2] * up
    facing = torch.einsum("chw,c->hw", up, up.new_tensor(lighting.direction()))
    maps = {field.name: getattr(part, field.name) for field in fields(part)} | {"normal": turned}
    shown = toned(radiance(Surface(**maps), lighting, facing))
    return torch.lerp(_background(part), shown, part.opacity)


def _sampled(surface: Surface, u: Tensor, v: Tensor) -> Surface:
    """The surface at places (u, v), (h, w), in units of its size from its upper left; it repeats."""
    width, height = surface.size
    x, y = u * width - 0.5, v * height - 0.5
    left, top = x.floor(), y.floor()
    right, down = x - left, y - top
    columns = [(left.long() + i) % width for i in (0, 1)]
    rows = [(top.long() + i) % height for i in (0, 1)]

    def mixed(planes: Tensor) -> Tensor:
        upper = torch.lerp(planes[:, rows[0], columns[0]], planes[:, rows[0], columns[1]], right)
        lower = torch.lerp(planes[:, rows[1], columns[0]], planes[:, rows[1], columns[1]], right)
        return torch.lerp(upper, lower, down)

    return surface.each(mixed)


def _background(part: Surface) -> Tensor:
    return torch.full_like(part.basecolor, BACKGROUND)
