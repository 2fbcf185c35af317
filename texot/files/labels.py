"""Pictures of labels: every colour is the name of a texture."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import read_exemplar

log = logging.getLogger("texot")

MAX_LABELS = 64
_RARE = 0.005  # fraction of a picture below which a colour may be an edge between two labels
_EDGES = 0.05  # maximal fraction of all such colours in the result's labels


def read_labels(labels: Any, target: Any) -> tuple[Tensor, Tensor, list[str]]:
    """The labels of an exemplar and of a result.

    Colours are equal if they have the same 8 bits a channel. Rare colours, as at smoothed edges, count as the
    nearest label, which is logged.

    Args:
        labels, target: pictures, as in `texot.files.exemplar.read_exemplar`.

    Returns:
        (h, w) and (H, W) int64, and the colours as "#rrggbb". Only labels that the result has are numbered;
        others are -1 in the exemplar.

    Raises:
        InputError: a colour of the result that the exemplar lacks, or more than 64 labels.
    """
    own, wanted = _colours(labels), _colours(target)
    names = _labels_of(own)
    found = _nearest(wanted, names, "the target labels", strict=True)
    used = torch.unique(found).tolist()
    there = _nearest(own, names, "the labels", strict=False)
    number = torch.full((len(names),), -1)
    number[used] = torch.arange(len(used))
    return number[there], number[found], [f"#{names[label]:06x}" for label in used]


def read_label_picture(picture: Any) -> tuple[Tensor, list[int]]:
    """The colours of a label picture, each as 0xrrggbb.

    Args:
        picture: as in `texot.files.exemplar.read_exemplar`.

    Returns:
        (h, w) int64, the colour of every pixel; and the colours that are labels, the most frequent first.

    Raises:
        InputError: it cannot be read, or has more than 64 labels.
    """
    colours = _colours(picture)
    values, counts = np.unique(colours.numpy(), return_counts=True)
    frequent = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return colours, sorted(_labels_of(colours), key=lambda name: -frequent[name])


def _colours(picture: Any) -> Tensor:
    """(h, w) int64, the colour of every pixel as 0xrrggbb."""
    image = read_exemplar(picture, alpha="ignore")
    planes = image.linear()[:3]
    planes = planes if len(planes) == 3 else planes[:1].expand(3, -1, -1)
    red, green, blue = (planes * 255).round().long().clamp(0, 255)
    found: Tensor = (red << 16) + (green << 8) + blue
    return found


def _labels_of(colours: Tensor) -> list[int]:
    """The labels of an exemplar: all colours if they are few, otherwise those that are not rare."""
    values, counts = np.unique(colours.numpy(), return_counts=True)
    if len(values) > MAX_LABELS:
        values = values[counts >= _RARE * colours.numel()]
    if not 1 <= len(values) <= MAX_LABELS:
        raise InputError(
            f"the labels have no clear colours: paint at most {MAX_LABELS}, without smooth edges, as PNG"
        )
    return [int(value) for value in values]


def _nearest(colours: Tensor, names: list[int], what: str, *, strict: bool) -> Tensor:
    """The index of the label of every pixel, (h, w) int64.

    Raises:
        InputError: strict, and a colour that is not rare is no label, or too many of them.
    """
    values, which, counts = np.unique(colours.numpy(), return_inverse=True, return_counts=True)
    split = np.array([16, 8, 0])
    parts, of = (np.array(v)[:, None] >> split & 255 for v in (values, names))
    away = np.square(parts[:, None].astype(np.int64) - of).sum(-1)
    label, stray = away.argmin(1), away.min(1) > 0
    share = counts / colours.numel()
    if strict and (bool((stray & (share >= _RARE)).any()) or share[stray].sum() > _EDGES):
        first = int(values[np.where(stray, share, 0).argmax()])
        raise InputError(
            f"{what} have the colour #{first:06x}, which the exemplar's labels lack: they have "
            + ", ".join(f"#{name:06x}" for name in names[:8])
        )
    if bool(stray.any()):
        log.info(
            "%s: %d other colours, %.1f%% of the pixels, count as the nearest label",
            what,
            int(stray.sum()),
            100 * float(share[stray].sum()),
        )
    return torch.from_numpy(label[which.reshape(colours.shape)])
