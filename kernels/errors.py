"""The error of a back end that was asked for by name and cannot work here."""

from texot.errors import DeviceError

__all__ = ["BackendError"]


class BackendError(DeviceError):
    """A back end cannot be imported, compiled or run on this machine; the message says why and what to do."""
