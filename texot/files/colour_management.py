"""Colour management of decoded pictures: ICC profiles to sRGB."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image, ImageCms

from texot.errors import one_line
from texot.files import exif

log = logging.getLogger("texot")

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC colour space -> PIL mode
METADATA_ERRORS = (*exif.ERRORS, UserWarning, ImageCms.PyCMSError)
"""Exceptions for damaged EXIF data or profiles; warnings, for callers that turn them into errors."""


def to_srgb(image: Image.Image, profile: bytes | None, label: str) -> Image.Image:
    """An image as L or RGB in sRGB: by its profile if that fits, otherwise by Pillow's formula.

    Args:
        image: a Pillow image.
        profile: its ICC profile, or None.
        label: name in messages.
    """
    if profile and image.mode in ("L", "RGB", "CMYK"):
        try:
            image = _through_profile(image, profile)
        except METADATA_ERRORS as error:
            log.warning("%s: ignored its unusable colour profile (%s)", label, one_line(error))
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _through_profile(image: Image.Image, data: bytes) -> Image.Image:
    profile = ImageCms.getOpenProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space.strip()
    read_as = _PROFILE_MODES.get(space)
    if read_as != image.mode and not (read_as == "RGB" and image.mode == "L"):
        raise ValueError(f"it is for {space or 'unknown'} data and the image is {image.mode}")
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        read_as,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    # Most profiles are sRGB under some name: leave those pixels unchanged.
    if read_as != "CMYK" and _changes_little(transform, read_as):
        return image
    managed = ImageCms.applyTransform(image if image.mode == read_as else image.convert(read_as), transform)
    if managed is None:
        raise ValueError("its transform failed")
    # Grey stays grey in every sane profile; if not, green is closest to luminance.
    return managed.getchannel("G") if image.mode == "L" else managed


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform to sRGB moves no value by more than one step of 255, on a lattice of colours."""
    axes = [np.linspace(0, 255, 256 if mode == "L" else 18).astype(np.uint8)] * len(mode)
    lattice = np.stack(np.meshgrid(*axes), -1).reshape(-1, len(mode))
    probe = Image.fromarray(lattice if mode == "L" else lattice[None])
    after = ImageCms.applyTransform(probe, transform)
    if after is None:
        raise ValueError("its transform failed")
    return int(np.abs(np.asarray(after, np.int16) - np.asarray(probe.convert("RGB"), np.int16)).max()) <= 1
