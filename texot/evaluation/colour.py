"""Colour: moments and histograms of the channels of two images."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.evaluation.inputs import check_pair

_ONE_STEP = 1 / 255  # of an 8-bit file
_TICKS = 1024  # quantiles; W1 of 8-bit values is then exact to a quarter of a grey level


def colour_error(image: Tensor, exemplar: Tensor) -> tuple[Tensor, Tensor]:
    """Relative errors of every channel's mean and standard deviation.

    |mean(image) - mean(exemplar)| / mean(exemplar), and the same of deviations; denominators are at least one
    step of an 8-bit file. 0.03 s for 512x512.

    Args:
        image, exemplar: (C, H, W), of any sizes.

    Returns:
        Two tensors (C,), without unit: 0.02 is 2%.

    Raises:
        InputError: images that cannot be compared.

    Source: first and second moments; cf. Reinhard et al. 2001, "Color transfer between images".
    """
    image, exemplar = check_pair(image, exemplar)
    own, wanted = (torch.std_mean(t.flatten(1).double(), dim=1, correction=0) for t in (image, exemplar))
    deviation, mean = (
        ((a - b).abs() / b.clamp_min(_ONE_STEP)).float() for a, b in zip(own, wanted, strict=True)
    )
    return mean, deviation


def histogram_distance(image: Tensor, exemplar: Tensor) -> float:
    """How far the values of the worst channel have to move to have the exemplar's histogram.

    W1 = integral over t in [0, 1] of |F^-1(t) - G^-1(t)| between the channel's quantile functions, over the
    exemplar's standard deviation of that channel (at least one step of an 8-bit file). A constant shift by
    one deviation gives 1. Unlike `colour_error` it sees clipped lights, lost shadows and a third peak.
    0.1 s for 512x512.

    Args:
        image, exemplar: (C, H, W), of any sizes.

    Returns:
        Deviations of the exemplar; 0 for equal histograms.

    Raises:
        InputError: images that cannot be compared.

    Source: the one-dimensional Wasserstein-1 distance (earth mover's distance) between histograms, Rubner,
        Tomasi & Guibas 2000, "The earth mover's distance as a metric for image retrieval".
    """
    image, exemplar = check_pair(image, exemplar)
    ticks = (torch.arange(_TICKS, dtype=torch.float64) + 0.5) / _TICKS
    own, wanted = (_at_shares(t.flatten(1), ticks) for t in (image, exemplar))
    deviation = exemplar.flatten(1).std(1, correction=0).clamp_min(_ONE_STEP)
    return float(((own - wanted).abs().mean(1) / deviation).max())


def _at_shares(values: Tensor, ticks: Tensor) -> Tensor:
    """The values (C, n) below which these shares of a channel lie, (C, ticks)."""
    index = (ticks * values.shape[1]).long().clamp_max(values.shape[1] - 1)
    ordered: Tensor = values.sort(1).values[:, index]
    return ordered
