__version__ = "0.3.0"

ALGORITHM = 5
"""Version of the algorithm; it increases whenever the same options give different bytes."""
