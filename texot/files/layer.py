"""An image of any bit depth, with the metadata of its file, for changes of its pixels."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch

from texot.files.decode import open_image
from texot.files.deep import check_deep_output, check_held, deep_kind, encode_deep, read_deep, write_deep
from texot.files.deep_image import DeepImage
from texot.files.original import Original, read_original
from texot.files.source import opened
from texot.files.write import check_format, check_output, encode_image, write_image

Values = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Layer:
    """An image of any bit depth.

    Attributes:
        image: the decoded file: `DeepImage` for more than 8 bits in colour and for floats, else `Original`.
        is_palette: whether the file has a palette or is black and white.
    """

    image: DeepImage | Original
    is_palette: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.size

    @property
    def values(self) -> Values:
        """(H, W, C) including alpha, in the file's type; float32 in [0, 1] for an `Original`."""
        if isinstance(self.image, DeepImage):
            return self.image.values
        pixels, alpha = self.image.pixels, self.image.alpha
        found: Values = (pixels if alpha is None else torch.cat([pixels, alpha])).permute(1, 2, 0).numpy()
        return found

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        if isinstance(self.image, DeepImage):
            return self.image.alpha is not None
        return self.image.mode in ("LA", "RGBA")

    def with_values(self, values: Values) -> Layer:
        """The same kind of image with other values (H, W, C) of the same type."""
        if isinstance(self.image, DeepImage):
            return replace(self, image=replace(self.image, values=values, exif=None))
        planes = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)
        made = Original.of(planes, self.image.mode, self.image.icc_profile, self.image.dpi)
        return replace(self, image=made)

    def check_output(self, path: str | os.PathLike[str], size: tuple[int, int]) -> None:
        """Refuse, before any work is done, a file that `write` could not write.

        Args:
            path: path of the file.
            size: (width, height) of the image to write.

        Raises:
            OutputError: the path, or a format that cannot store such values.
        """
        if isinstance(self.image, DeepImage):
            check_deep_output(path, self.image)
            return
        check_output(path)
        check_format(path, size, self.image.mode, opaque=self.image.is_opaque())

    def check_stream(self) -> None:
        """Refuse values that a PNG on standard output cannot store.

        Raises:
            OutputError: it cannot.
        """
        if isinstance(self.image, DeepImage):
            check_held("PNG", "standard output", self.image)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the image to a file, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        if isinstance(self.image, DeepImage):
            write_deep(self.image, path)
        else:
            write_image(self._planes(), path, **self._metadata())

    def encode(self) -> bytes:
        """The bytes of a PNG."""
        if isinstance(self.image, DeepImage):
            return encode_deep(self.image)
        return encode_image(self._planes(), **self._metadata())

    def _planes(self) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.values)).permute(2, 0, 1)

    def _metadata(self) -> dict[str, Any]:
        assert isinstance(self.image, Original)
        return {"mode": self.image.mode, "icc_profile": self.image.icc_profile, "dpi": self.image.dpi}


def read_layer(source: str | os.PathLike[str] | bytes | BinaryIO) -> Layer:
    """Read an image of any bit depth.

    Args:
        source: a path, the bytes of a file, or a file object that reads them.

    Raises:
        InputError, TexotError: see `texot.files.deep.read_deep`, `texot.files.original.read_original`.
    """
    with opened(source) as (stream, label, name):
        again: Any = source
        if not isinstance(source, (str, os.PathLike, bytes)):  # a stream can be read only once
            stream.name = name  # type: ignore[misc]
            again = stream
        if deep_kind(stream) is not None:
            return Layer(read_deep(again))
        is_palette = open_image(stream, label).mode in ("1", "P", "PA")
        stream.seek(0)
        return Layer(read_original(again, alpha="channel"), is_palette)
