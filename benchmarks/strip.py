"""The README's picture strip: pairs of exemplar and result.

python -m benchmarks.strip
"""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image

from benchmarks.common import ROOT, SAMPLES
from texot import synthesize

NAMES = ("pebbles", "grass_gray", "stonewall", "brick_old", "rug")


@click.command()
@click.option("--sample", "names", multiple=True, default=NAMES, show_default=True)
@click.option(
    "--side", type=click.IntRange(64), default=200, show_default=True, help="Of a picture, in pixels."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.argument("path", type=click.Path(path_type=Path), default=ROOT / "docs" / "strip.jpg")
def main(names: tuple[str, ...], side: int, seed: int, path: Path) -> None:
    """Synthesise NAMES from their whole samples, at the samples' size, and lay the pairs side by side."""
    gap = side // 40
    strip = Image.new("RGB", (len(names) * side + (len(names) - 1) * 3 * gap, 2 * side + gap), "white")
    for k, name in enumerate(names):
        result = synthesize(SAMPLES[name], seed=seed).to_pil()
        with Image.open(SAMPLES[name]) as exemplar:
            for row, picture in enumerate((exemplar, result)):
                small = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
                strip.paste(small, (k * (side + 3 * gap), row * (side + gap)))
    strip.save(path, "JPEG", quality=90, optimize=True)


if __name__ == "__main__":
    main()
