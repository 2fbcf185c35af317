"""The site's pictures, made by running the commands and Python blocks of its pages from top to bottom.

    python docs/make_pictures.py                  # all pages; minutes, and training
    python docs/make_pictures.py tutorials/morph  # one page

Results stay in build/pictures/<page>/, where a model that is there already is not trained again.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MAX_BYTES = 150_000
GAP = 8

# page -> picture -> rows of files from the page's commands, and the height of each row in pixels;
# "2x2 NAME": four copies of it, as a square
PICTURES: dict[str, dict[str, tuple[list[list[str]], int]]] = {
    "get-started": {"first": ([["samples/pebbles.jpg", "pebbles.png", "other.png"]], 300)},
    "tutorials/game-floor": {
        "floor": ([["samples/brick_old.jpg", "floor.png"]], 400),
        "floor_maps": ([["floor.png", "floor-normal.png"]], 400),
        "floor_set": (
            [["tile-1.png", "tile-2.png", "tile-3.png"], ["tile-3.png", "tile-1.png", "tile-2.png"]],
            240,
        ),
    },
    "tutorials/material": {
        "material": (
            [
                [
                    "samples/materials/cliff/basecolor.png",
                    "new_cliff/basecolor.png",
                    "new_cliff/normal.png",
                    "lit.png",
                ]
            ],
            260,
        ),
    },
    "tutorials/seamless-photograph": {
        "seamless": ([["2x2 samples/pebbles.jpg", "2x2 seamless.png"]], 440),
        "seamless_set": ([["example.png"]], 480),
    },
    "tutorials/remove-object": {"removed": ([["samples/stonewall.jpg", "check.png", "filled.png"]], 340)},
    "tutorials/what-goes-where": {
        "directed": (
            [["overgrown.png", "ball.png", "ball_of_gravel.png"], ["photo.png", "painted.png", "path.png"]],
            300,
        ),
        "warped": ([["around_wood.png", "grown.png"]], 300),
    },
    "tutorials/morph": {
        "morph": ([["sheet.png"], ["gradient.png"]], 200),
    },
    "tutorials/generator": {
        "generator": ([["samples/gravel.jpg", "large.png"]], 300),
    },
    "tutorials/compare": {
        "compare": ([["exemplar.png", "texot.png", "psi0.png", "quilting.png", "tiling.png"]], 220),
    },
}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block of a page, "sh" and "python" only."""
    text = page if "\n" in page else (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(sh|python)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The commands of a block of shell lines, without comments; installations are left out."""
    lines = text.replace("\\\n", " ").splitlines()
    split = [shlex.split(line, comments=True) for line in lines]
    return [words for words in split if words and words[0] in ("texot", "python")]


def process(words: Sequence[str]) -> list[str]:
    """A command as a process of this Python, whatever PATH holds."""
    return [sys.executable, *(["-m", "texot"] if words[0] == "texot" else []), *words[1:]]


def run(page: str) -> Path:
    """Run a page in its folder, and return that."""
    folder = ROOT / "build" / "pictures" / page
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "samples").exists():
        (folder / "samples").symlink_to(ROOT / "samples")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": paths}
    for language, text in blocks(page):
        if language == "python":
            print(f"-- Python of {page}")
            subprocess.run([sys.executable, "-c", text], cwd=folder, env=environment, check=True)
            continue
        for words in commands(text):
            if words[1] == "train" and (folder / words[words.index("-o") + 1]).exists():
                continue
            print("--", shlex.join(words))
            subprocess.run(process(words), cwd=folder, env=environment, check=True)
    return folder


def picture(folder: Path, name: str, height: int) -> Image.Image:
    """A file at a height, or four copies of it."""
    copies, _, file = name.rpartition(" ")
    with Image.open(folder / file) as opened:
        image = opened.convert("RGB")
    if copies:
        tiled = Image.new("RGB", (2 * image.width, 2 * image.height))
        for x in (0, image.width):
            for y in (0, image.height):
                tiled.paste(image, (x, y))
        image = tiled
    width = round(image.width * height / image.height)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def sheet(folder: Path, rows: list[list[str]], height: int, gap: int = GAP) -> Image.Image:
    """Rows of pictures on white; those of a set of tiles touch."""
    made = [[picture(folder, name, height) for name in row] for row in rows]
    gap = 0 if len(rows) > 1 and len(rows[0]) > 1 else gap
    width = max(sum(p.width for p in row) + gap * (len(row) - 1) for row in made)
    whole = Image.new("RGB", (width, len(rows) * height + gap * (len(rows) - 1)), "white")
    for k, row in enumerate(made):
        x = 0
        for image in row:
            whole.paste(image, (x, k * (height + gap)))
            x += image.width + gap
    return whole


def write(image: Image.Image, path: Path) -> None:
    """As JPEG, at the best quality that the limit of bytes allows."""
    for quality in range(90, 20, -5):
        image.save(path, "JPEG", quality=quality, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            return
    raise ValueError(f"{path} takes over {MAX_BYTES} bytes: make it smaller")


def main(pages: list[str]) -> None:
    """Make the pictures of pages, all of them if none is named."""
    for page in pages or PICTURES:
        folder = run(page)
        for name, (rows, height) in PICTURES[page].items():
            write(sheet(folder, rows, height), DOCS / "pictures" / f"{name}.jpg")


if __name__ == "__main__":
    main(sys.argv[1:])
