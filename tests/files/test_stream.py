"""Row-block by row-block writing gives files that read as the whole image would."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from textures import noise
from torch import Tensor

from texot.errors import OutputError
from texot.files.exemplar import read_exemplar
from texot.files.stream import write_rows
from texot.files.write import to_pil


def blocks(image: Tensor, heights: list[int]) -> Iterator[Tensor]:
    first = 0
    for height in heights:
        yield image[:, first : first + height]
        first += height


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
@pytest.mark.parametrize("heights", [[23], [8, 8, 7], [1] * 23, [5, 18]])
def test_reads_as_the_whole_image(tmp_path: Path, suffix: str, mode: str, heights: list[int]) -> None:
    image = noise(3 if mode == "RGB" else 1, 23, 31)
    path = tmp_path / f"out.{suffix}"
    write_rows(blocks(image, heights), path, size=(31, 23), mode=mode, icc_profile=b"a profile")
    with Image.open(path) as found:
        found.load()
        assert found.mode == mode
        assert np.array_equal(np.asarray(found), np.asarray(to_pil(image, mode)))
        assert found.info["icc_profile"] == b"a profile"
    if mode != "I;16":  # and by our own reader; a false profile would be in its way
        write_rows(blocks(image, heights), path, size=(31, 23), mode=mode)
        torch.testing.assert_close(read_exemplar(path).pixels, image, atol=0.5001 / 255, rtol=0)


def test_text(tmp_path: Path) -> None:
    write_rows(
        iter([noise(1, 4, 4)]), tmp_path / "out.png", size=(4, 4), mode="L", text={"texot": '{"a": 1}'}
    )
    with Image.open(tmp_path / "out.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert image.text == {"texot": '{"a": 1}'}


@pytest.mark.parametrize("name", ["out.png", "out.tif"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"before")

    def failing() -> Iterator[Tensor]:
        yield noise(1, 4, 8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(failing(), tmp_path / name, size=(8, 8), mode="L")
    with pytest.raises(ValueError, match="4 rows"):
        write_rows(iter([noise(1, 4, 8)]), tmp_path / name, size=(8, 8), mode="L")
    with pytest.raises(ValueError, match="does not fit"):
        write_rows(iter([noise(1, 9, 8)]), tmp_path / name, size=(8, 8), mode="L")
    assert (tmp_path / name).read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(OutputError, match="no such folder"):
        write_rows(iter([noise(1, 8, 8)]), tmp_path / "no" / name, size=(8, 8), mode="L")
