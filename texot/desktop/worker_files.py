"""What the worker does with files: read images and masks for the window, write results in a user's format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from texot import Generator, InputError, OutputError, Synthesis, iter_straightened
from texot.files.exemplar import read_exemplar
from texot.files.labels import read_label_picture
from texot.files.mask import read_mask
from texot.files.material import SUFFIXES
from texot.files.material_names import role_of
from texot.files.original import Original, read_original
from texot.files.stream import write_rows
from texot.files.whole import check_target, write_whole
from texot.files.write import check_format, check_output, to_pil, write_image
from texot.images.perspective import quad_size

_FORMATS = (".png", ".exr", ".tif")  # of results, in this order: the first that holds their values
_ROWS = 512  # rows that are converted to bytes at once
_TIFF = (".tif", ".tiff")


class Pixels(NamedTuple):
    """A picture for the window: rows of 8-bit values, interleaved.

    Attributes:
        data: height * width * channels bytes.
        size: [width, height].
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
    """

    data: bytes
    size: list[int]
    channels: int


def read_picture(path: str) -> Pixels:
    """An image as the library reads it, with its known pixels as alpha.

    Raises:
        InputError: see `texot.files.exemplar.read_exemplar`.
    """
    source = read_exemplar(path)
    pixels = source.pixels
    if source.mask is not None and pixels.shape[0] <= 3:
        pixels = torch.cat([pixels, source.mask[None].to(pixels)])
    return to_pixels(pixels)


def read_mask_picture(path: str, size: tuple[int, int] | None) -> Pixels:
    """A mask as the library reads it, 0 or 255.

    Args:
        path: of the mask.
        size: (width, height) of the photograph; None: of any.

    Raises:
        InputError: see `texot.files.mask.read_mask`.
    """
    if size is None:
        found = read_exemplar(path, alpha="channel")
        return to_pixels(read_mask(found, found.size).float()[None])
    return to_pixels(read_mask(path, size).float()[None])


def read_labels_picture(path: str) -> tuple[Pixels, list[str]]:
    """A label picture in RGB, and its labels as "#rrggbb", the most frequent first.

    Raises:
        InputError: see `texot.files.labels.read_label_picture`.
    """
    colours, labels = read_label_picture(path)
    planes = torch.stack([colours >> shift & 255 for shift in (16, 8, 0)])
    return to_pixels(planes.float() / 255), [f"#{label:06x}" for label in labels]


def save_result(result: Synthesis, file: str) -> str:
    """Write a result to the session's folder: a PNG, or where it holds no such values OpenEXR or TIFF.

    Args:
        result: the result.
        file: path of the PNG.

    Returns:
        The path of the file, with the suffix of its format.
    """
    height, width = result.image.shape[1:]
    for suffix in _FORMATS:
        path = str(Path(file).with_suffix(suffix))
        try:
            check_format(path, (width, height), result.mode, depth=result.depth)
        except OutputError:
            if suffix == _FORMATS[-1]:
                raise
        else:
            break
    result.save(path)
    return path


def save_copy(source: Path, path: str, *, is_sample: bool) -> None:
    """Write a file of the session under the user's name, in the format of the name's suffix.

    Args:
        source: an image, or a model (.safetensors).
        path: the user's file.
        is_sample: the image is a sample of a model: a TIFF gets the bytes that `texot sample` writes.

    Raises:
        OutputError: it cannot be written there, or the format does not hold its values.
    """
    if source.suffix in (".safetensors", Path(path).suffix.lower()):
        check_target(path)
        write_whole(path, source.read_bytes())
        return
    found = read_original(source)
    check_output(path, found.depth)
    image = found.pixels if found.alpha is None else torch.cat([found.pixels, found.alpha])
    opaque = found.alpha is None or bool((found.alpha == 1).all())
    check_format(path, (image.shape[2], image.shape[1]), found.mode, opaque=opaque, depth=found.depth)
    kind: dict[str, Any] = {"mode": found.mode, "icc_profile": found.icc_profile}
    if is_sample and path.lower().endswith(_TIFF):
        _, height, width = image.shape
        blocks = torch.split(image, Generator.tile_side, 1)
        write_rows(blocks, path, size=(width, height), **kind)
    else:
        write_image(image, path, dpi=found.dpi, exif=found.exif, depth=found.depth, **kind)


class Photographs:
    """The photograph that is straightened, reduced and kept in memory. For one thread."""

    def __init__(self) -> None:
        self._path, self._whole = "", (0, 0)
        self._reduced: Original | None = None

    def straightened(self, path: str, quad: list[float], side: int, *, flatten: bool) -> Pixels:
        """A preview of `texot.straighten`.

        Args:
            path: of the photograph.
            quad, flatten: see `texot.iter_straightened`.
            side: most pixels of the longer side.
        """
        if self._reduced is None or self._path != path:
            found = read_original(path)
            self._path, self._whole, self._reduced = path, found.size, found.reduced(2 * side)
        factors = [own / whole for own, whole in zip(self._reduced.size, self._whole, strict=True)]
        small = [value * factors[k % 2] for k, value in enumerate(quad)]
        width, height = quad_size(list(zip(small[::2], small[1::2], strict=True)))
        fit = min(1.0, side / max(width, height))
        size = max(1, round(fit * width)), max(1, round(fit * height))
        (state,) = iter_straightened(self._reduced, quad=small, size=size, flatten=flatten)
        return to_pixels(state.result().image)


def images_in(folder: str) -> list[str]:
    """Paths of the image files in a folder, by name.

    Raises:
        InputError: it cannot be read, or has none.
    """
    try:
        found = sorted(entry.path for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        raise InputError(f"cannot read the folder {folder!r}: {error.strerror or error}") from error
    found = [path for path in found if path.lower().endswith(SUFFIXES)]
    if not found:
        raise InputError(f"{folder!r} has no images: expected {', '.join(SUFFIXES)}")
    return found


def looks_like_material(images: Sequence[str]) -> bool:
    """Whether files are the maps of one material: most names have roles, and no role is there three times.

    There may be normal maps of both conventions.
    """
    roles = [found[0] for found in map(role_of, images) if found is not None]
    return 2 * len(roles) > len(images) and all(roles.count(role) < 3 for role in roles)


def small(image: Tensor, side: int | None) -> Tensor:
    """An image (C, H, W) in at most `side` pixels a side; None: as it is."""
    height, width = image.shape[1:]
    if side is None or max(height, width) <= side:
        return image
    size = max(1, round(side * height / max(height, width))), max(1, round(side * width / max(height, width)))
    return F.interpolate(image[None], size, mode="area")[0]


def to_pixels(image: Tensor) -> Pixels:
    """An image (C, H, W) in [0, 1] as bytes. Of more than 4 channels, the first 3.

    Converted in blocks of rows: a large image would otherwise be in memory three times.
    """
    image = image if image.shape[0] <= 4 else image[:3]
    channels, rows = 0, []
    for block in torch.split(image, _ROWS, 1):
        picture = to_pil(block)
        if picture.mode == "LA":
            picture = picture.convert("RGBA")
        channels = len(picture.getbands())
        rows.append(picture.tobytes())
    return Pixels(b"".join(rows), [image.shape[2], image.shape[1]], channels)
