"""Sheets of images and curves for the results, drawn with Pillow alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
INK, FAINT = (40, 40, 40), (222, 222, 222)
# Okabe and Ito's colours, which those who see few colours can tell apart
COLOURS = [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0)]


def _font(size: float) -> Font:
    return ImageFont.load_default(size)


def sheet(
    columns: Sequence[str],
    rows: Mapping[str, Sequence[Image.Image | None]],
    path: Path,
    *,
    tile: int = 256,
    max_bytes: int = 1_000_000,
) -> None:
    """Write a table of pictures as JPEG, as good as the size allows.

    Args:
        columns: headings.
        rows: a name and a picture a column; None leaves a gap.
        tile: longest side of a picture in pixels; larger ones are reduced.
        max_bytes: size of the file; quality, then size are given up for it.
    """
    gap, margin = 8, 24
    tile = min(tile, max(side for row in rows.values() for p in row if p is not None for side in p.size))
    canvas = Image.new(
        "RGB", (gap + len(columns) * (tile + gap), margin + len(rows) * (tile + margin)), "white"
    )
    draw, font = ImageDraw.Draw(canvas), _font(14)
    for x, heading in enumerate(columns):
        draw.text((gap + x * (tile + gap), margin - 4), heading, INK, font, anchor="ls")
    for y, (name, pictures) in enumerate(rows.items()):
        top = margin + y * (tile + margin)
        draw.text((gap, top + tile + margin - 6), name, INK, font, anchor="ls")
        for x, picture in enumerate(pictures):
            if picture is not None:
                small = picture.convert("RGB")
                small.thumbnail((tile, tile), Image.Resampling.LANCZOS)
                canvas.paste(small, (gap + x * (tile + gap), top))
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        for quality in (92, 85, 75, 65):
            canvas.save(path, "JPEG", quality=quality, optimize=True)
            if path.stat().st_size <= max_bytes:
                return
        width, height = canvas.size
        canvas = canvas.resize((width * 3 // 4, height * 3 // 4), Image.Resampling.LANCZOS)


def curves(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    points: Sequence[tuple[float, float]],
    path: Path,
    *,
    points_name: str,
    x_name: str,
    y_name: str,
) -> None:
    """Write curves over a logarithmic axis as PNG, with points of somebody else's to compare.

    Args:
        lines: (x, y) of every curve, y positive.
        points: (x, y), y positive.
    """
    width, height, left, top, right, bottom = 900, 540, 64, 24, 210, 48
    smooth = 2  # Pillow draws lines without anti-aliasing: draw larger, then shrink
    everything = [p for line in lines.values() for p in line] + list(points)
    last = max(x for x, _ in everything)
    low = math.floor(math.log10(min(y for _, y in everything)) * 4) / 4
    high = math.ceil(math.log10(max(y for _, y in everything)) * 4) / 4
    canvas = Image.new("RGB", (width * smooth, height * smooth), "white")
    draw, font = ImageDraw.Draw(canvas), _font(14 * smooth)

    def at(x: float, y: float) -> tuple[float, float]:
        up = (math.log10(y) - low) / (high - low)
        across = x / last * (width - left - right)
        return (left + across) * smooth, (top + (1 - up) * (height - top - bottom)) * smooth

    def text(x: float, y: float, what: str, anchor: str) -> None:
        draw.text((x * smooth, y * smooth), what, INK, font, anchor=anchor)

    for exponent in range(math.floor(low), math.ceil(high) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**exponent
            if low <= math.log10(value) <= high:
                y = at(0, value)[1]
                draw.line([(left * smooth, y), ((width - right) * smooth, y)], FAINT, smooth)
                text(left - 8, y / smooth, f"{value:g}", "rm")
    step = next(s for e in range(-3, 12) for s in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if last / s <= 6)
    for part in range(int(last / step) + 1):
        x = at(part * step, 10**low)[0] / smooth
        text(x, height - bottom + 8, f"{part * step:g}", "ma")
    text(left + (width - left - right) / 2, height - 6, x_name, "ms")
    text(8, top - 8, y_name, "ls")
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        draw.line([at(x, y) for x, y in line], colour, 2 * smooth, joint="curve")
        y = top + 10 + 20 * i
        draw.line([((width - right + s) * smooth, y * smooth) for s in (12, 36)], colour, 3 * smooth)
        text(width - right + 44, y, name, "lm")
    r = 5 * smooth
    for x, y in points:
        px, py = at(x, y)
        draw.ellipse((px - r, py - r, px + r, py + r), "white", INK, 2 * smooth)
    y = top + 10 + 20 * len(lines)
    px, py = (width - right + 24) * smooth, y * smooth
    draw.ellipse((px - r, py - r, px + r, py + r), "white", INK, 2 * smooth)
    text(width - right + 44, y, points_name, "lm")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.resize((width, height), Image.Resampling.LANCZOS).quantize(64).save(path, optimize=True)
