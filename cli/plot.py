"""A plot of the loss of every step with a logarithmic axis, drawn with Pillow."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from PIL import Image, ImageDraw, ImageFont

SIZE = (900, 540)  # pixels of the finished picture
LEFT, TOP, RIGHT, BOTTOM = 78, 30, 20, 52  # margins around the axes
SMOOTH = 3  # Pillow draws lines without anti-aliasing: draw larger, then shrink
INK, FAINT, LINE = (40, 40, 40), (222, 222, 222), (31, 98, 168)


def draw_losses(losses: Sequence[tuple[int, float]], n_scales: int) -> Image.Image:
    """A plot of the losses.

    Args:
        losses: (scale, loss) of every step, in order; scale 0 is the finest. Losses that are not finite and
            positive are left out: the axis is logarithmic.
        n_scales: number of scales; like the progress bar, the plot counts them from the coarsest.
    """
    points = [(step, loss) for step, (_, loss) in enumerate(losses, 1) if math.isfinite(loss) and loss > 0]
    low, high = _decade_range([loss for _, loss in points])
    last = max(len(losses), 2)
    width, height = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM

    def at(step: float, loss: float) -> tuple[float, float]:
        across = (step - 1) / (last - 1)
        up = (math.log10(loss) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return LEFT + across * width, TOP + (1 - up) * height

    canvas = _Canvas()
    for value in _log_ticks(low, high):
        _, y = at(1, value)
        canvas.line([(LEFT, y), (LEFT + width, y)], FAINT)
        canvas.text((LEFT - 8, y), f"{value:g}", "rm")
    for step in _linear_ticks(last):
        x, _ = at(step, low)
        canvas.line([(x, TOP + height), (x, TOP + height + 5)], INK)
        canvas.text((x, TOP + height + 9), str(step), "ma")
    start = 1
    for scale, stage in groupby(scale for scale, _ in losses):
        count = len(list(stage))
        x, _ = at(start, low)
        if start > 1:
            canvas.line([(x, TOP), (x, TOP + height)], FAINT)
        canvas.text(
            ((x + at(min(start + count, last), low)[0]) / 2, TOP - 8),
            f"scale {n_scales - scale} of {n_scales}",
            "ms",
        )
        start += count
    canvas.line([(LEFT, TOP), (LEFT, TOP + height), (LEFT + width, TOP + height)], INK)
    for (step, loss), (following, after) in pairwise(points):
        if following == step + 1:  # no line across gaps
            canvas.line([at(step, loss), at(following, after)], LINE, 1.6)
    canvas.text((LEFT + width / 2, SIZE[1] - 8), "step", "ms")
    canvas.text((8, TOP - 8), "loss", "ls")
    return canvas.finish()


class _Canvas:
    """Lines and text in the finished picture's pixels, drawn at SMOOTH times its size."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (SIZE[0] * SMOOTH, SIZE[1] * SMOOTH), "white")
        self.pen = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(13 * SMOOTH)

    def line(
        self, points: Iterable[tuple[float, float]], ink: tuple[int, int, int], thick: float = 1
    ) -> None:
        scaled = [(x * SMOOTH, y * SMOOTH) for x, y in points]
        self.pen.line(scaled, ink, round(thick * SMOOTH), joint="curve")

    def text(self, place: tuple[float, float], words: str, anchor: str) -> None:
        self.pen.text((place[0] * SMOOTH, place[1] * SMOOTH), words, INK, self.font, anchor)

    def finish(self) -> Image.Image:
        return self.image.resize(SIZE, Image.Resampling.LANCZOS)


def _decade_range(values: Sequence[float]) -> tuple[float, float]:
    """Axis limits with a margin, at least a factor of two apart, also without data."""
    low, high = (min(values), max(values)) if values else (0.1, 1.0)
    air = max((high / low) ** 0.05, 1.5 if high < 2 * low else 1.0)
    return low / air, high * air


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; over many decades only powers, at most eight."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    if len(decades) <= 4:
        ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    else:
        ticks = [10.0**decade for decade in decades[:: math.ceil(len(decades) / 8)]]
    return [tick for tick in ticks if low <= tick <= high]


def _linear_ticks(last: int) -> list[int]:
    """Round numbers from 1 or 0 up to the last step, about six."""
    raw = last / 6
    unit = 10 ** math.floor(math.log10(raw)) if raw > 1 else 1
    gap = int(next(unit * digit for digit in (1, 2, 5, 10) if unit * digit >= raw))
    return [1, *range(gap, last + 1, gap)] if gap > 1 else list(range(1, last + 1))
