"""All figures of a result, relative to what real texture scores.

1 in a relative figure means: as close as real texture is to itself. Where the exemplar is a crop and another
part of its photograph is at hand (the reference), that part tells what real is; else the halves of the
exemplar do. No figure stands alone: a shifted copy of the exemplar wins some by construction, a mildly
blurred one others, and `Yardstick.comparisons` tells what they get.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.colour import colour_error, histogram_distance
from texot.evaluation.distance import (
    halves_distance,
    multiscale_halves_distance,
    multiscale_patch_distance,
    patch_distance,
    self_distance,
)
from texot.evaluation.features import deep_gram, oddness_map, sifid
from texot.evaluation.inputs import OPEN, TORUS, check_image, check_pair
from texot.evaluation.network import Network
from texot.evaluation.novelty import CopyShare, copy_share, diversity, layout_share
from texot.evaluation.repeats import repetition
from texot.evaluation.seams import seam_score
from texot.evaluation.spectrum import autocorrelation_error, lattice_error, spectrum_error
from texot.evaluation.squeezenet import SQUEEZENET
from texot.evaluation.transport import semi_dual_distance, sliced_distance
from texot.images.pyramid import Periodic, downsample, downsample_known

_TINY = 1e-12
_MOST_SCALES = 4
_SEMI_DUAL_SIDE = 96
_MOST_PAIRS = (
    2**40
)  # of pixels: 1024x1024 both, a minute; copies of larger images are looked for at half size

Value = float | list[float] | None


@dataclass(frozen=True)
class Measurement:
    """A result's figures, and the maps that came with them.

    Attributes:
        figures: the values, by the names of `texot.evaluation.FIGURES`, and `distance_by_scale` (finest
            first); None where an image has no such figure.
        missing: why, for each figure that is None.
        copies: of `copy_share`, or None.
        odd: of `oddness_map`, (rows, columns), or None.
    """

    figures: dict[str, Value]
    missing: dict[str, str]
    copies: CopyShare | None
    odd: Tensor | None


class Yardstick:
    """An exemplar, and what real texture scores; computed when first needed.

    Args:
        exemplar: (C, h, w).
        reference: (C, h', w'), an unseen part of the same photograph, or None.
        network: of the deep figures.
        seed: of the samples and directions.
        n_samples: patches of an exact distance.
        semi_dual: whether to measure the semi-dual of all patches too (a minute).

    Raises:
        InputError: images that cannot be compared.
    """

    def __init__(
        self,
        exemplar: Tensor,
        reference: Tensor | None = None,
        *,
        network: Network = SQUEEZENET,
        seed: int = 0,
        n_samples: int = 2000,
        semi_dual: bool = False,
    ) -> None:
        self.exemplar = check_image("exemplar", exemplar)
        self.reference = None if reference is None else check_pair(reference, self.exemplar)[0]
        self.network, self.seed, self.n_samples, self.semi_dual = network, seed, n_samples, semi_dual

    def measure(
        self, image: Tensor, *, periodic: Periodic = TORUS, others: Sequence[Tensor] = ()
    ) -> Measurement:
        """All figures of a result.

        Args:
            image: (C, H, W).
            periodic: axes (y, x) along which it wraps around.
            others: more results of the same exemplar, with the same `periodic`.

        Raises:
            InputError: other channels than the exemplar's.
            TexotError: POT or the network's weights are not installed.
        """
        image, exemplar = check_pair(image, self.exemplar)
        target = exemplar if self.reference is None else self.reference
        figures: dict[str, Value] = {}
        missing: dict[str, str] = {}
        found: dict[str, CopyShare | Tensor] = {}
        sampled = {"seed": self.seed, "n_samples": self.n_samples}

        def distance() -> list[Value]:
            own = multiscale_patch_distance(
                image, target, n_scales=self.n_scales, periodic=periodic, **sampled
            )
            scales = [a / max(b, _TINY) for a, b in zip(own, self._by_scale, strict=True)]
            return [statistics.fmean(scales), scales]

        def colour() -> list[Value]:
            mean, deviation = colour_error(image, exemplar)
            return [float(mean.max()), float(deviation.max())]

        def copies() -> list[Value]:
            a, b = image, exemplar
            while math.prod(a.shape[1:]) * math.prod(b.shape[1:]) > _MOST_PAIRS:
                a, b = downsample(a, periodic=periodic), downsample_known(b)[0]
            found["copies"] = copy = copy_share(a, b, periodic=periodic)
            return [copy.share, copy.unused]

        def odd() -> list[Value]:
            found["odd"] = where = oddness_map(image, exemplar, periodic=periodic, network=self.network)
            return [float(where.quantile(0.95))]

        def eight() -> list[Value]:
            between = patch_distance(image, exemplar, periodic=periodic, **sampled)
            # `excess_distance`, whose other parts are known or the exemplar's
            excess = between - (self_distance(image, **sampled) + self._own_eight) / 2
            if self.reference is not None:
                between = patch_distance(image, target, periodic=periodic, **sampled)
            return [between / self._eight, excess / self._halves]

        def sliced() -> list[Value]:
            return [sliced_distance(image, target, seed=self.seed, periodic=periodic) / self._sliced]

        def deep(metric: Callable[..., float], own: str) -> Callable[[], list[Value]]:
            def measured() -> list[Value]:
                value = metric(image, exemplar, periodic=periodic, network=self.network)
                return [value / self._deep[own]]

            return measured

        def shared() -> list[Value]:
            return [max(layout_share(image, other, periodic=periodic) for other in others)]

        tasks: list[tuple[tuple[str, ...], Callable[[], list[Value]]]] = [
            (("distance", "distance_by_scale"), distance),
            (("distance_8x8", "excess_8x8"), eight),
            (("semi_dual",), lambda: [self._dual(image, target, periodic) / self._own_dual]),
            (("sliced",), sliced),
            (("spectrum_db",), lambda: [spectrum_error(image, exemplar)]),
            (("lattice_db",), lambda: [lattice_error(image, exemplar)]),
            (("autocorrelation",), lambda: [autocorrelation_error(image, exemplar)]),
            (("mean_error", "deviation_error"), colour),
            (("histogram",), lambda: [histogram_distance(image, exemplar)]),
            (("gram",), deep(deep_gram, "gram")),
            (("sifid",), deep(sifid, "sifid")),
            (("oddness",), odd),
            (("layout_share",), lambda: [layout_share(image, exemplar, periodic=periodic)]),
            (("copied", "unused"), copies),
            (("repetition",), lambda: [repetition(image, periodic=periodic)]),
            (("shared_layout",), shared),
            (("diversity",), lambda: [diversity([image, *others], periodic=periodic)]),
            (("seam",), lambda: [seam_score(image)]),
        ]
        if not self.semi_dual:
            tasks = [task for task in tasks if task[0] != ("semi_dual",)]
        if not others:
            tasks = [task for task in tasks if task[0][0] not in ("shared_layout", "diversity")]
        for names, task in tasks:
            try:
                values = task()
            except InputError as error:  # too small, no colour, ...: the other figures stand
                values = [None] * len(names)
                missing |= dict.fromkeys(names, str(error))
            figures |= dict(zip(names, values, strict=True))
        copied, where = found.get("copies"), found.get("odd")
        return Measurement(
            figures,
            missing,
            copied if isinstance(copied, CopyShare) else None,
            where if isinstance(where, Tensor) else None,
        )

    def comparisons(self) -> dict[str, tuple[Tensor, Measurement]]:
        """Images that are no new texture, and their figures: what to read every figure against.

        "shifted": the exemplar rolled by a third of its sides; "blurred": under a Gaussian of 1 pixel; and
        "unseen", the reference, where there is one.
        """
        exemplar = self.exemplar
        shift = exemplar.shape[1] // 3, exemplar.shape[2] // 3
        images: dict[str, tuple[Tensor, Periodic]] = {
            "shifted": (exemplar.roll(shift, (1, 2)), TORUS),
            "blurred": (blurred(exemplar), OPEN),
        }
        if self.reference is not None:
            images["unseen"] = (self.reference, OPEN)
        return {
            name: (image, self.measure(image, periodic=periodic))
            for name, (image, periodic) in images.items()
        }

    @cached_property
    def n_scales(self) -> int:
        """Scales of 4x4 patches: at most 4, as many as leave 8 pixels in halves and in the reference."""
        parts = [self.exemplar] if self.reference is None else [self.exemplar, self.reference]
        side = min(min(part.shape[1:]) for part in parts)
        count = 1
        while count < _MOST_SCALES and (side - 4) // 2 + 1 >= 16:
            side, count = (side - 4) // 2 + 1, count + 1
        return count

    @cached_property
    def _by_scale(self) -> list[float]:
        options = {"n_scales": self.n_scales, "seed": self.seed, "n_samples": self.n_samples}
        if self.reference is None:
            return multiscale_halves_distance(self.exemplar, **options)
        return multiscale_patch_distance(self.exemplar, self.reference, periodic=OPEN, **options)

    @cached_property
    def _halves(self) -> float:
        return max(_TINY, halves_distance(self.exemplar, seed=self.seed, n_samples=self.n_samples))

    @cached_property
    def _own_eight(self) -> float:
        return self_distance(self.exemplar, seed=self.seed, n_samples=self.n_samples)

    @cached_property
    def _eight(self) -> float:
        if self.reference is None:
            return self._halves
        sampled = {"seed": self.seed, "n_samples": self.n_samples}
        return max(_TINY, patch_distance(self.exemplar, self.reference, periodic=OPEN, **sampled))

    @cached_property
    def _sliced(self) -> float:
        return self._real(lambda a, b: sliced_distance(a, b, seed=self.seed, periodic=OPEN))

    @cached_property
    def _own_dual(self) -> float:
        return self._real(lambda a, b: self._dual(a, b, OPEN))

    @cached_property
    def _deep(self) -> dict[str, float]:
        def compare(metric: Callable[..., float]) -> float:
            def of(a: Tensor, b: Tensor) -> float:
                return metric(b, a, periodic=OPEN, network=self.network)

            return self._real(of)

        return {"gram": compare(deep_gram), "sifid": compare(sifid)}

    def _real(self, metric: Callable[[Tensor, Tensor], float]) -> float:
        """A metric from exemplar to reference; else between its halves, the mean of both ways to halve it."""
        if self.reference is not None:
            return max(_TINY, metric(self.exemplar, self.reference))
        found = []
        for axis in (1, 2):
            n = self.exemplar.shape[axis]
            parts = [self.exemplar.narrow(axis, start, n // 2) for start in (0, n - n // 2)]
            found.append(metric(parts[0], parts[1]))
        return max(_TINY, statistics.fmean(found))

    def _dual(self, image: Tensor, target: Tensor, periodic: Periodic) -> float:
        """Mean of the semi-dual's values over two scales, the finer of at most 96 pixels a side."""
        side = max(self.exemplar.shape[1:])
        while side > _SEMI_DUAL_SIDE:
            image, target = downsample(image, periodic=periodic), downsample_known(target)[0]
            side = (side + 1) // 2
        values = []
        for scale in range(2):
            if scale:
                image, target = downsample(image, periodic=periodic), downsample_known(target)[0]
            values.append(semi_dual_distance(image, target, periodic=periodic).value)
        return statistics.fmean(values)


def blurred(image: Tensor, sigma: float = 1.0) -> Tensor:
    """The image under a Gaussian, its border replicated."""
    t = torch.arange(-4.0, 5)
    kernel = torch.exp(-(t**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(len(image), 1, 1, -1)
    padded = F.pad(image[None], (4, 4, 4, 4), mode="replicate")
    rows = F.conv2d(padded, kernel, groups=len(image))
    return F.conv2d(rows, kernel.mT, groups=len(image))[0]


def figures(
    image: Tensor,
    exemplar: Tensor,
    reference: Tensor | None = None,
    *,
    periodic: Periodic = TORUS,
    others: Sequence[Tensor] = (),
) -> dict[str, Value]:
    """All figures of one result in a plain dict, by the names that `texot.evaluation.FIGURES` explains.

    About 17 s for 512x512 on one core, the same again for what real texture scores. For several results of
    one exemplar keep a `Yardstick`.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w).
        reference: an unseen part of the same photograph, or None.
        periodic: axes (y, x) along which the image wraps around.
        others: more results of the same exemplar, to compare with.

    Returns:
        Numbers, `distance_by_scale` as a list; None where the images have no such figure.

    Raises:
        InputError: images that cannot be compared.
        TexotError: POT or the network's weights are not installed.
    """
    return Yardstick(exemplar, reference).measure(image, periodic=periodic, others=others).figures
