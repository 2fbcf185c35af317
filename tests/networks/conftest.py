"""See `photographs`."""

from photographs import exemplar, photograph

__all__ = ["exemplar", "photograph"]
