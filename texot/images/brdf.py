"""Reflection of light at a rough surface: the metallic-roughness model of real-time engines.

f(l, v) = (1 - F) c / pi + D V F, with c the diffuse colour, F the Fresnel reflectance, D the distribution of
microfacet normals h = (l + v) / |l + v|, and V = G / (4 n.l n.v) the visibility (Cook and Torrance 1982).
alpha = roughness^2 (Burley, Physically Based Shading at Disney, 2012). The diffuse term has the factor 1 - F
of the glTF 2.0 specification, appendix B, which keeps f symmetric in l and v.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

MIN_ROUGHNESS = 0.045
"""Smaller values of roughness are raised to this one: below, the highlight of one direction of light is
narrower than what float32 resolves."""
MIN_COSINE = 1e-3
"""Smaller values of n.v are raised to this one: a normal map has normals that face away from the viewer."""

_CELLS = 32  # of the table of reflectances, on each axis
_SAMPLES = 48  # of each integral, on each axis


def distribution(n_h: Tensor, roughness: Tensor) -> Tensor:
    """GGX distribution D of microfacet normals (Walter et al. 2007, eq. 33); integral of D n.h over h is 1.

    Args:
        n_h: n.h, from 0 to 1.
        roughness: from `MIN_ROUGHNESS` to 1.
    """
    square = roughness**4
    return square / (math.pi * (1 - n_h**2 * (1 - square)) ** 2)


def visibility(n_l: Tensor, n_v: Tensor, roughness: Tensor) -> Tensor:
    """Height-correlated Smith visibility G / (4 n.l n.v) of GGX (Heitz 2014, eq. 99).

    Args:
        n_l, n_v: cosines of the directions to light and viewer, not both 0.
        roughness: from `MIN_ROUGHNESS` to 1.
    """
    square = roughness**4
    of_view = n_l * (n_v**2 * (1 - square) + square).sqrt()
    of_light = n_v * (n_l**2 * (1 - square) + square).sqrt()
    return 0.5 / (of_view + of_light)


def fresnel(v_h: Tensor, f0: Tensor) -> Tensor:
    """Reflectance at v.h, of reflectance `f0` at normal incidence (Schlick 1994)."""
    return f0 + (1 - f0) * (1 - v_h) ** 5


def brdf(
    n_l: Tensor, n_v: Tensor, n_h: Tensor, v_h: Tensor, *, diffuse: Tensor, f0: Tensor, roughness: Tensor
) -> Tensor:
    """The reflected radiance per irradiance f(l, v), see the module; all arguments broadcast.

    Args:
        n_l, n_v, n_h, v_h: cosines between the normal, light, viewer and half vector.
        diffuse: linear colour of the diffuse reflection, from 0 to 1.
        f0: linear reflectance at normal incidence, from 0 to 1.
        roughness: from 0 to 1; raised to `MIN_ROUGHNESS`.
    """
    rough = roughness.clamp_min(MIN_ROUGHNESS)
    reflected = fresnel(v_h, f0)
    specular = distribution(n_h, rough) * visibility(n_l, n_v, rough) * reflected
    return (1 - reflected) * diffuse / math.pi + specular


def reflectance(n_v: Tensor, f0: Tensor, roughness: Tensor) -> Tensor:
    """The share of uniform light that the specular term reflects to the viewer: f0 A + B (Karis 2013).

    A and B depend on n.v and roughness; they are interpolated in a table of integrals over the hemisphere.

    Args:
        n_v: (H, W), from 0 to 1.
        f0: (C, H, W) reflectance at normal incidence.
        roughness: (H, W), from 0 to 1.

    Returns:
        (C, H, W), from 0 to 1.
    """
    table = split_sum().to(f0)  # (2, roughness, n.v)
    (row, down), (column, right) = (_cell(values) for values in (roughness, n_v))
    upper = torch.lerp(table[:, row, column], table[:, row, column + 1], right)
    lower = torch.lerp(table[:, row + 1, column], table[:, row + 1, column + 1], right)
    scale, offset = torch.lerp(upper, lower, down)
    found: Tensor = f0 * scale + offset
    return found


def _cell(values: Tensor) -> tuple[Tensor, Tensor]:
    """The cell of the table below a value, and the fraction of a cell from there."""
    place = (values * _CELLS - 0.5).clamp(0, _CELLS - 1)
    cell = place.long().clamp_max(_CELLS - 2)
    return cell, place - cell


@lru_cache(1)
def split_sum() -> Tensor:
    """A and B of `reflectance`, (2, 32, 32) float64 by roughness and n.v, at centres of 32 cells from 0 to 1.

    The integral over light is one over microfacet normals, drawn from D n.h: with u from 0 to 1,
    (n.h)^2 = (1 - u) / (1 + (alpha^2 - 1) u) (Walter et al. 2007, eq. 35); the weight of a normal is
    4 n.l V v.h / n.h (Karis 2013). Midpoint rule in u and the azimuth.
    """
    centres = (torch.arange(_CELLS, dtype=torch.float64) + 0.5) / _CELLS
    u = ((torch.arange(_SAMPLES, dtype=torch.float64) + 0.5) / _SAMPLES)[:, None]
    azimuth = (torch.arange(_SAMPLES, dtype=torch.float64) + 0.5) / _SAMPLES * math.pi
    rows = []
    n_v = centres[:, None, None]  # (n.v, u, azimuth)
    for roughness in centres.clamp_min(MIN_ROUGHNESS):
        n_h = ((1 - u) / (1 + (roughness**4 - 1) * u)).sqrt()
        sine = (1 - n_h**2).clamp_min(0).sqrt() * (1 - n_v**2).sqrt()
        v_h = n_h * n_v + sine * azimuth.cos()
        n_l = 2 * v_h * n_h - n_v
        lit = (n_l > 0) & (v_h > 0)
        weight = torch.where(
            lit, 4 * n_l * visibility(n_l.clamp_min(0), n_v, roughness) * v_h / n_h, torch.zeros(())
        )
        grazing = (1 - v_h.clamp(0, 1)) ** 5
        rows.append(torch.stack([(weight * (1 - grazing)).mean((1, 2)), (weight * grazing).mean((1, 2))]))
    return torch.stack(rows, 1)
