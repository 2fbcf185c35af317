"""The error of a back end that was asked for by name and cannot work here."""

__all__ = ["BackendError"]


class BackendError(RuntimeError):
    """A back end cannot be imported, compiled or run on this machine; the message says why and what to do."""
