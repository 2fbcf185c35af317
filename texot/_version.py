__version__ = "0.3.0"

ALGORITHM = 5
"""Which algorithm makes the results: it rises whenever the same options give other bytes."""
