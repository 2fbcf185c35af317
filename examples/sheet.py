"""The picture of the example: for each entropy, samples above their nearest fitted pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_GAP, _MARGIN, _LINE = 2, 12, 18
_INK = 40


@dataclass(frozen=True)
class Block:
    """Two rows of pictures under a line of text.

    Attributes:
        text: caption.
        above, below: (count, d) in [0, 1].
    """

    text: str
    above: Tensor
    below: Tensor


def draw(columns: Sequence[Sequence[Block]], side: int, *, tile: int = 32) -> bytes:
    """A PNG of blocks in columns.

    Args:
        columns: blocks of each column, from top to bottom.
        side: of a picture, in pixels.
        tile: approximate side of a drawn picture, in pixels: an integer multiple of `side`.
    """
    factor = max(1, round(tile / side))
    tile = side * factor
    count = len(columns[0][0].above)
    width, height = count * (tile + _GAP), _LINE + 2 * (tile + _GAP)
    rows = max(map(len, columns))
    canvas = Image.new(
        "L",
        (_MARGIN + len(columns) * (width + _MARGIN), _MARGIN + rows * (height + _MARGIN)),
        255,
    )
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for x, column in enumerate(columns):
        for y, block in enumerate(column):
            left, top = _MARGIN + x * (width + _MARGIN), _MARGIN + y * (height + _MARGIN)
            pen.text((left, top), block.text, _INK, font)
            for row, pictures in enumerate((block.above, block.below)):
                for place, picture in enumerate(pictures):
                    at = left + place * (tile + _GAP), top + _LINE + row * (tile + _GAP)
                    canvas.paste(_picture(picture, side, factor), at)
    file = io.BytesIO()
    canvas.save(file, "PNG", optimize=True)
    return file.getvalue()


def _picture(values: Tensor, side: int, factor: int) -> Image.Image:
    pixels = values.reshape(side, side).mul(255).round().clamp(0, 255).byte()
    small = Image.fromarray(pixels.numpy(), "L")
    return small.resize((side * factor, side * factor), Image.Resampling.NEAREST)
