"""Laws of shading: energy, symmetry, direction of light, both shapes."""

import math
from dataclasses import replace

import pytest
import torch
from textures import clouds
from torch import Tensor

from texot.images.shading import (
    BACKGROUND,
    Lighting,
    Surface,
    encoded_of,
    linear_of,
    normals_of,
    radiance,
    shade_plane,
    shade_sphere,
    toned,
)


def plain(height: int = 16, width: int = 24, **maps: Tensor) -> Surface:
    """A flat, grey, rough surface, with other maps."""
    one = torch.ones(1, height, width)
    flat = torch.zeros(3, height, width)
    flat[2] = 1
    found = {
        "basecolor": one.expand(3, -1, -1) * 0.5,
        "normal": flat,
        "roughness": one * 0.5,
        "metallic": one * 0,
        "occlusion": one,
        "specular": one.expand(3, -1, -1) * 0.5,
        "emissive": flat * 0,
        "opacity": one,
    }
    return Surface(**{**found, **maps})


def hills(height: int = 32, width: int = 32) -> Tensor:
    """A bump (1, H, W): its left half faces left."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.exp(-4 * (x**2 + y**2))[None]


def test_a_white_surface_in_a_white_furnace_is_white() -> None:
    """For diffuse reflection alone, and with a specular share."""
    furnace = Lighting(irradiance=0, ambient=1)
    for specular in (0.0, 0.5):
        white = plain(basecolor=torch.ones(3, 16, 24), specular=torch.full((3, 16, 24), specular))
        white = replace(white, normal=normals_of(hills(16, 24)))
        torch.testing.assert_close(radiance(white, furnace), torch.ones(3, 16, 24), atol=1e-5, rtol=0)


def test_a_smooth_mirror_in_a_furnace_is_nearly_white() -> None:
    one = torch.ones(1, 16, 24)
    mirror = plain(basecolor=torch.ones(3, 16, 24), metallic=one, roughness=one * 0)
    found = radiance(mirror, Lighting(irradiance=0, ambient=1))
    assert 0.99 < float(found.min()) <= float(found.max()) <= 1.001


def test_a_diffuse_surface_that_faces_the_light_shows_its_colour() -> None:
    dull = plain(specular=torch.zeros(3, 16, 24), roughness=torch.ones(1, 16, 24))
    found = radiance(dull, Lighting(elevation=90, ambient=0))
    torch.testing.assert_close(found, torch.full((3, 16, 24), 0.5))


def test_a_flat_plane_below_the_zenith_is_constant() -> None:
    image = shade_plane(plain(), Lighting(elevation=90))
    assert image.shape == (3, 16, 24)
    assert float(image.max() - image.min()) < 1e-6


@pytest.mark.parametrize(("azimuth", "brighter"), [(180, "left"), (0, "right"), (90, "top"), (270, "bottom")])
def test_slopes_that_face_the_light_are_brighter(azimuth: float, brighter: str) -> None:
    image = shade_plane(plain(32, 32, normal=normals_of(hills(), 0.3)), Lighting(azimuth, 30))
    sides = {
        "left": image[:, :, :16],
        "right": image[:, :, 16:],
        "top": image[:, :16],
        "bottom": image[:, 16:],
    }
    means = {side: float(part.mean()) for side, part in sides.items()}
    assert max(means, key=lambda side: means[side]) == brighter


def test_normals_of_a_ramp() -> None:
    """A slope of 1 upwards to the right: normals lean 45 degrees to the left."""
    ramp = (torch.arange(20.0) / 20).expand(1, 8, 20)
    inner = normals_of(ramp, depth=1)[:, :, 1:-1]
    torch.testing.assert_close(inner[0], torch.full((8, 18), -math.sqrt(0.5)))
    torch.testing.assert_close(inner[2], torch.full((8, 18), math.sqrt(0.5)))
    assert float(inner[1].abs().max()) == 0


@pytest.mark.parametrize("elevation", [0.0, 1e-3, 90.0])
@pytest.mark.parametrize("roughness", [0.0, 1.0])
@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_no_nan_at_grazing_angles(elevation: float, roughness: float, metallic: float) -> None:
    one = torch.ones(1, 48, 48)
    normal = torch.nn.functional.normalize(clouds(3, 48, 48) - 0.5, dim=0)  # some face away
    surface = plain(48, 48, normal=normal, roughness=one * roughness, metallic=one * metallic)
    light = Lighting(200, elevation)
    for image in (shade_plane(surface, light), shade_sphere(surface, 40, light)):
        assert bool(image.isfinite().all())
        assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_metals_reflect_their_colour_and_rough_highlights_are_wide() -> None:
    one = torch.ones(1, 16, 24)
    gold = torch.tensor([1.0, 0.77, 0.34])[:, None, None].expand(3, 16, 24)
    found = radiance(plain(basecolor=gold, metallic=one), Lighting(elevation=90, ambient=0))[:, 0, 0]
    torch.testing.assert_close(found / found[0], gold[:, 0, 0])
    peaks = [
        float(radiance(plain(roughness=one * rough), Lighting(elevation=90)).max()) for rough in (0.2, 0.9)
    ]
    assert peaks[0] > peaks[1]


def test_occlusion_darkens_ambient_light_only() -> None:
    closed = plain(occlusion=torch.zeros(1, 16, 24))
    assert float(radiance(closed, Lighting(irradiance=0)).max()) == 0
    torch.testing.assert_close(radiance(closed, Lighting(ambient=0)), radiance(plain(), Lighting(ambient=0)))


def test_emission_needs_no_light() -> None:
    glow = torch.full((3, 16, 24), 0.3)
    found = radiance(plain(emissive=glow), Lighting(irradiance=0, ambient=0))
    torch.testing.assert_close(found, glow)


def test_the_background_shows_through() -> None:
    image = shade_plane(plain(opacity=torch.zeros(1, 16, 24)))
    torch.testing.assert_close(image, encoded_of(torch.full_like(image, BACKGROUND)))


def test_a_plane_repeats() -> None:
    surface = plain(basecolor=clouds(3, 16, 24))
    once, twice = shade_plane(surface), shade_plane(surface, repeat=2)
    assert twice.shape == (3, 32, 48)
    assert torch.equal(twice[:, 16:, 24:], once)


def test_a_sphere_has_a_shaded_side_and_a_smooth_edge() -> None:
    image = shade_sphere(plain(), 101, Lighting(180, 30, ambient=0.1))
    assert image.shape == (3, 101, 101)
    torch.testing.assert_close(image[:, 0, 0], encoded_of(torch.full((3,), BACKGROUND)))
    assert float(image[:, 50, 20].mean()) > float(image[:, 50, 80].mean()) + 0.2
    row = image[0, :, 50]  # the light is from the side: above and below are alike
    torch.testing.assert_close(row, row.flip(0), atol=1e-4, rtol=0)
    levels = torch.unique(shade_sphere(plain(), 101, Lighting(irradiance=0, ambient=1))[0, 50:, :12])
    assert len(levels) > 20  # neither all sphere nor all background


def test_a_sphere_of_uniform_light_is_flat_for_diffuse_reflection() -> None:
    dull = plain(specular=torch.zeros(3, 16, 24), roughness=torch.ones(1, 16, 24))
    image = shade_sphere(dull, 64, Lighting(irradiance=0, ambient=1))[:, 20:44, 20:44]
    # the Fresnel share of the edge is white, so that 0.5 is reached in the middle only
    assert abs(float(linear_of(image).mean()) - 0.5) < 0.03


def test_normals_turn_with_the_sphere() -> None:
    """Normals that lean 45 degrees to the right move the brightest place 45 degrees to the left."""
    lean = torch.tensor([math.sqrt(0.5), 0.0, math.sqrt(0.5)])[:, None, None].expand(3, 16, 24)
    zenith, dull = Lighting(elevation=90, ambient=0), {"roughness": torch.ones(1, 16, 24)}
    row = shade_sphere(plain(normal=lean.contiguous(), **dull), 201, zenith)[:, 100].mean(0)
    place = (float(row.argmax()) - 100) / (0.96 * 201 / 2)
    assert abs(place + math.sqrt(0.5)) < 0.05
    up = lean[[1, 0, 2]].contiguous()
    column = shade_sphere(plain(normal=up, **dull), 201, zenith)[:, :, 100].mean(0)
    place = (float(column.argmax()) - 100) / (0.96 * 201 / 2)
    assert abs(place - math.sqrt(0.5)) < 0.05  # the brightest place is below the middle


def test_a_sphere_shows_its_surface_upright() -> None:
    """Left and top of the map are left and top of the sphere; one copy goes from pole to pole."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    surface = plain(64, 64, basecolor=torch.stack([x, y, 0 * x]))
    image = shade_sphere(surface, 64, Lighting(elevation=90))
    assert float(image[0, 32, 50]) > float(image[0, 32, 14])
    assert float(image[1, 50, 32]) > float(image[1, 14, 32])
    torch.testing.assert_close(image[0, 32, 32], image[1, 32, 32], atol=0.03, rtol=0)


def test_encoding_is_that_of_srgb() -> None:
    values = torch.linspace(0, 1, 256)
    torch.testing.assert_close(encoded_of(linear_of(values)), values, atol=1e-5, rtol=0)
    assert abs(float(linear_of(torch.tensor(0.5))) - 0.21404) < 1e-4


def test_tones_keep_their_order() -> None:
    values = toned(torch.linspace(0, 5, 200))
    assert bool((values.diff() >= 0).all())
    assert float(values.max()) <= 1
    torch.testing.assert_close(toned(torch.tensor([0.0, 0.3, 0.8])), torch.tensor([0.0, 0.3, 0.8]))


def test_resizing_keeps_means_and_unit_normals() -> None:
    surface = plain(32, 32, basecolor=clouds(3, 32, 32), normal=normals_of(hills(), 0.3))
    small = surface.resized(8, 8)
    assert small.size == (8, 8)
    torch.testing.assert_close(small.basecolor.mean(), surface.basecolor.mean(), atol=0.01, rtol=0)
    torch.testing.assert_close(small.normal.norm(dim=0), torch.ones(8, 8))
    assert surface.resized(32, 32) is surface
