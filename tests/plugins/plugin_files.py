"""The folder of plug-ins, its files as modules, pictures, and odd names."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

import texot

ROOT = Path(texot.__file__).parents[1]
PLUGINS = ROOT / "plugins"


def load(path: Path, name: str) -> ModuleType:
    """A file of a plug-in as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Path:
    """A small picture of noise."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(values).save(path)
    return path
