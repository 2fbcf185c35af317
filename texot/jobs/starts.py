"""Which of several results to keep: the one whose deep features are nearest to the exemplar's.

    log D + 4 log O

with D the distance of Gram matrices and O the oddness of the oddest twentieth of the places
(`texot.networks.comparison`): between seeds, log D varies some 2.4 times as much as log O: both count.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from texot.errors import InputError, TexotError
from texot.images.pyramid import Periodic
from texot.networks.comparison import QUANTILE, OddPlaces, gram_distance, gram_matrices, least_side
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET
from texot.solver.run import Choice

ATTEMPTS = 4
"""Results of quality high, of which one is kept."""
MAX_PIXELS = 1 << 20
"""Of a result that is chosen: in larger ones, parts differ more than starts do."""
SCORE_BYTES = 600
"""Bytes per pixel of a result while it is scored: measured 540 at 1024 px, 2 attempts against 1."""
_ODD = 4.0  # weight of odd places
log = logging.getLogger("texot")


@dataclass(frozen=True, eq=False)
class DeepScore:
    """How unlike an exemplar results look to a network.

    Attributes:
        exemplar: (C, h, w), all of it known.
        periodic: axes (y, x) along which results wrap around.
        network: whose features.
    """

    exemplar: Tensor
    periodic: Periodic
    network: Network

    @cached_property
    def _grams(self) -> list[Tensor]:
        return gram_matrices(self.exemplar, (False, False), self.network)

    @cached_property
    def _odd(self) -> OddPlaces | None:
        try:
            return OddPlaces.of(self.exemplar, self.network)
        except InputError:  # small, or flat to the network
            return None

    def __call__(self, image: Tensor) -> float:
        """The score of a result (C, H, W); less is better."""
        image = image.clamp(0, 1).cpu()
        found = math.log(
            max(1e-12, gram_distance(gram_matrices(image, self.periodic, self.network), self._grams))
        )
        if self._odd is not None:
            odd = float(self._odd.map(image, self.periodic).quantile(QUANTILE))
            found += _ODD * math.log(max(1e-6, odd))
        return found


def choice_of_starts(
    attempts: int | None,
    exemplar: Tensor,
    known: Tensor | None,
    size: tuple[int, int],
    periodic: Periodic,
) -> Choice | None:
    """How to choose among results, or None for one result.

    Args:
        attempts: results to choose among; None: `ATTEMPTS` if a network can score them, otherwise one.
        exemplar: (C, h, w).
        known: (h, w) bool, or None for all.
        size: (height, width) of results.
        periodic: axes (y, x) along which they wrap around.

    Raises:
        InputError: attempts were requested, and the network cannot score such an exemplar.
        TexotError: the same, and its weights are not installed.
    """
    least = least_side(SQUEEZENET)
    if attempts is None:
        suits = known is None and exemplar.shape[0] in (1, 3) and max(exemplar.shape[1:]) >= least
        if not suits or size[0] * size[1] > MAX_PIXELS:
            return None
        try:
            SQUEEZENET.file()
        except TexotError:
            log.info("one result: pip install 'texot[evaluate]' to keep the best of %d", ATTEMPTS)
            return None
    elif attempts == 1:
        return None
    elif known is not None or exemplar.shape[0] not in (1, 3):
        raise InputError("attempts are compared by deep features: they need an opaque exemplar, grey or RGB")
    else:
        SQUEEZENET.file()
    return Choice(attempts or ATTEMPTS, DeepScore(exemplar.cpu(), periodic, SQUEEZENET))
