"""Small materials for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def make_material(folder: Path, seed: int = 1, normal: str = "normal") -> Path:
    """A material of 40x32 pixels: base colour, normals, and heights of 16 bits. Returns its folder."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    colour = random.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "rock_basecolor.png")
    v = np.dstack([random.normal(0, 0.2, (32, 40, 2)), np.ones((32, 40))])
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    Image.fromarray(np.rint((v + 1) * 127.5).astype(np.uint8)).save(folder / f"rock_{normal}.png")
    Image.fromarray(colour[..., 0].astype(np.uint16) * 257).save(folder / "rock_height.png")
    return folder
