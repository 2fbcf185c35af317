"""Training objectives that replace the transport of patches, by name.

>>> import texot
>>> from texot.experimental.objectives import find_objective
>>> generator = texot.train("pebbles.png", objective=find_objective("wgan-gp"))  # doctest: +SKIP
"""

from texot.experimental.objectives.choice import OBJECTIVES, find_objective

__all__ = ["OBJECTIVES", "find_objective"]
