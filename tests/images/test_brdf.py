"""Laws of the reflection model: normalisation, symmetry, energy; integrals on grids, float64."""

import math

import pytest
import torch
from torch import Tensor

from texot.images.brdf import (
    MIN_COSINE,
    MIN_ROUGHNESS,
    brdf,
    distribution,
    fresnel,
    reflectance,
    split_sum,
    visibility,
)

ROUGHNESS = [MIN_ROUGHNESS, 0.1, 0.3, 0.5, 0.8, 1.0]


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def half_vectors(roughness: float, n: int = 400) -> tuple[Tensor, Tensor, Tensor]:
    """Normals h on a grid that is dense at the highlight: n.h, azimuth, solid angle of each.

    tan(theta) = alpha tan(t) with t up to a right angle, midpoint rule in t; this is no density of D.
    """
    alpha = roughness**2
    t = (torch.arange(n, dtype=torch.float64) + 0.5) / n * math.pi / 2
    theta = torch.atan(alpha * t.tan())
    derivative = alpha * (1 + t.tan() ** 2) / (1 + (alpha * t.tan()) ** 2)
    step = math.pi / 2 / n
    azimuth = (torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 * math.pi
    angle = theta.sin() * derivative * step * 2 * math.pi / n
    return theta.cos()[:, None], azimuth[None], angle[:, None]


def albedo(n_v: float, roughness: float, f0: float) -> float:
    """Integral of the specular BRDF times n.l over directions of light; dl = 4 v.h dh (Walter, eq. 14)."""
    n_h, azimuth, angle = half_vectors(roughness)
    v_h = n_h * n_v + (1 - n_h**2).sqrt() * math.sqrt(1 - n_v**2) * azimuth.cos()
    n_l = 2 * v_h * n_h - n_v
    lit = (n_l > 0) & (v_h > 0)
    black = scalar(0.0)
    f = brdf(
        n_l.clamp_min(1e-9),
        scalar(n_v),
        n_h,
        v_h.clamp(0, 1),
        diffuse=black,
        f0=scalar(f0),
        roughness=scalar(roughness),
    )
    return float(torch.where(lit, f * n_l * 4 * v_h * angle, black).sum())


@pytest.mark.parametrize("roughness", ROUGHNESS)
def test_the_distribution_is_normalised(roughness: float) -> None:
    n_h, _, angle = half_vectors(roughness)
    total = (distribution(n_h, scalar(roughness)) * n_h * angle).sum() * n_h.shape[0]
    assert abs(float(total) - 1) < 1e-3


@pytest.mark.parametrize("roughness", ROUGHNESS)
@pytest.mark.parametrize("n_v", [0.02, 0.2, 0.5, 0.8, 0.999])
def test_no_more_light_is_reflected_than_arrives(roughness: float, n_v: float) -> None:
    reflected = albedo(n_v, roughness, 1.0)
    assert 0 < reflected <= 1.001
    if roughness <= 0.1 and n_v >= 0.2:
        assert reflected > 0.995  # nearly a mirror: nothing is lost between the facets


@pytest.mark.parametrize("n_v", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("roughness", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("f0", [0.0, 0.04, 0.5, 1.0])
def test_the_table_is_the_integral_of_the_brdf(n_v: float, roughness: float, f0: float) -> None:
    found = reflectance(
        torch.full((1, 1), n_v, dtype=torch.float64),
        torch.full((1, 1, 1), f0, dtype=torch.float64),
        torch.full((1, 1), roughness, dtype=torch.float64),
    )
    assert abs(float(found) - albedo(n_v, roughness, f0)) < 0.01


def test_the_table_keeps_energy() -> None:
    table = split_sum()
    assert bool((table >= 0).all())
    assert float(table.sum(0).max()) <= 1.001


def test_the_brdf_is_reciprocal() -> None:
    random = torch.Generator().manual_seed(0)
    both = torch.randn(2, 3, 500, generator=random, dtype=torch.float64)
    both[:, 2] = both[:, 2].abs() + 1e-3
    one, other = torch.nn.functional.normalize(both, dim=1)
    half = torch.nn.functional.normalize(one + other, dim=0)
    roughness = torch.rand(500, generator=random, dtype=torch.float64)
    given = {"diffuse": scalar(0.6), "f0": scalar(0.1), "roughness": roughness}
    there = brdf(one[2], other[2], half[2], (other * half).sum(0), **given)
    back = brdf(other[2], one[2], half[2], (one * half).sum(0), **given)
    assert bool((there > 0).all())
    torch.testing.assert_close(there, back)


def test_fresnel_ends() -> None:
    f0 = torch.tensor([0.04, 0.5, 1.0])
    torch.testing.assert_close(fresnel(torch.ones(()), f0), f0)
    torch.testing.assert_close(fresnel(torch.zeros(()), f0), torch.ones(3))


def test_visibility_of_a_smooth_surface() -> None:
    """Without shadowing G = 1, so that V = 1 / (4 n.l n.v)."""
    found = visibility(scalar(0.7), scalar(0.4), scalar(1e-3))
    assert abs(float(found) - 1 / (4 * 0.7 * 0.4)) < 1e-6


@pytest.mark.parametrize("roughness", [0.0, MIN_ROUGHNESS, 1.0])
def test_grazing_angles_are_finite(roughness: float) -> None:
    cosines = torch.tensor([0.0, 1e-6, 1e-3, 1.0])
    found = brdf(
        cosines[:, None],
        cosines.clamp_min(MIN_COSINE),
        torch.ones(()),
        torch.zeros(()),
        diffuse=torch.ones(()),
        f0=torch.ones(()),
        roughness=torch.tensor(roughness),
    )
    assert bool(found.isfinite().all())
    edge = torch.tensor([[0.0, 1.0]])
    assert bool(reflectance(edge, edge[None], edge).isfinite().all())
