"""Images as bytes and file objects, and errors that quote little of what they were given."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import levels, one_line, saved
from PIL import Image

import texot
from texot.errors import InputError, OutputError, TexotError
from texot.files.exemplar import read_exemplar
from texot.files.mask import read_mask
from texot.files.original import read_original

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 2, "device": "cpu"}


@pytest.fixture
def path(tmp_path: Path, rgb: np.ndarray) -> Path:
    return saved(Image.fromarray(rgb), tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "BytesIO", "file", "unseekable"])
def test_encoded_images(path: Path, rgb: np.ndarray, kind: str) -> None:
    data = path.read_bytes()

    class Pipe(io.RawIOBase):
        """Can be read once, and not rewound."""

        def __init__(self) -> None:
            super().__init__()
            self.left = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.left.read(size)

    make: dict[str, Any] = {
        "bytes": lambda: data,
        "bytearray": lambda: bytearray(data),
        "memoryview": lambda: memoryview(data),
        "BytesIO": lambda: io.BytesIO(data),
        "file": lambda: open(path, "rb"),  # noqa: SIM115
        "unseekable": Pipe,
    }
    for read in (read_exemplar, read_original):
        source = make[kind]()
        found = read(source)
        np.testing.assert_array_equal(levels(found), rgb)  # type: ignore[arg-type]
        if kind == "file":
            assert source.closed is False
            source.close()


def test_every_job_takes_them(path: Path) -> None:
    data, mask = path.read_bytes(), np.zeros((24, 24), bool)
    mask[8:12, 8:12] = True
    big = io.BytesIO()
    Image.open(path).resize((24, 24)).save(big, "PNG")
    mask_file = io.BytesIO()
    Image.fromarray(mask).save(mask_file, "PNG")
    assert texot.synthesize(data, init=io.BytesIO(data), **QUICK).image.shape == (3, 12, 17)
    big.seek(0), mask_file.seek(0)
    assert texot.inpaint(big, mask_file.getvalue(), **QUICK).image.shape == (3, 24, 24)
    assert texot.interpolate([data, io.BytesIO(data), data], **QUICK).image.shape == (3, 12, 17)
    assert texot.make_tileable(big.getvalue(), **QUICK).image.shape == (3, 24, 24)
    assert read_mask(mask_file.getvalue(), (24, 24)).sum() == 16


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "0 bytes"),
        (io.BytesIO(), "0 bytes"),
        (b"no image at all", "not a readable image"),
        (io.StringIO("text"), "open it in mode 'rb'"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 400_000, "no image|damaged"),
        ("x" * 100_000, "cannot read"),
        ("'" * 3000, "cannot read"),
    ],
)
def test_what_is_none_is_refused_in_few_words(source: Any, words: str) -> None:
    for read in (read_exemplar, read_original):
        with pytest.raises(InputError, match=words) as error:
            read(source)
        assert len(one_line(error)) < 600


def test_a_closed_file_is_refused(path: Path) -> None:
    stream = open(path, "rb")  # noqa: SIM115
    stream.close()
    with pytest.raises(InputError, match="closed file"):
        read_exemplar(stream)


@pytest.mark.parametrize("kind", [TexotError, InputError, OutputError])
@pytest.mark.parametrize("odd", ["x", "\\", "'", '"', "'\"", "\n", "\\'"])
def test_errors_quote_200_characters(kind: type[TexotError], odd: str) -> None:
    text = odd * 5000
    message = str(kind(f"expected a name, got {text!r}: give one"))
    assert message.startswith("expected a name, got ")
    assert message.endswith(": give one")
    assert len(message) <= 21 + 2 * 200 + 2 + 10  # an escape is one character of the input
    assert str(kind(f"got {'y' * 190!r}: give one")) == f"got {'y' * 190!r}: give one"


@pytest.mark.parametrize(
    "options",
    [{"quality": "q" * 9999}, {"tile": "q" * 9999}, {"size": "q" * 9999}, {"n_iter": [1] * 9999}],
)
def test_options_are_quoted_in_part(options: dict[str, Any], rgb: np.ndarray) -> None:
    with pytest.raises(InputError) as error:
        texot.synthesize(rgb, **options)
    assert len(one_line(error)) < 1100


def test_notebooks_show_results(rgb: np.ndarray) -> None:
    for source in (rgb, rgb[..., 0], rgb[..., 0].astype(np.uint16) * 257):
        result = texot.synthesize(source, **QUICK)
        shown = Image.open(io.BytesIO(result._repr_png_()))
        assert (shown.format, shown.size) == ("PNG", (17, 12))
        if source is rgb:
            np.testing.assert_array_equal(np.asarray(shown), np.asarray(result.to_pil()))


@pytest.mark.parametrize(
    "options",
    [
        {"quality": ["x" * 100] * 1000},
        {"alpha": ("x",) * 1000},
        {"seed": 10**5000},
        {"seed": "9" * 5000},
        {"n_iter": 10**5000},
        {"entropy": 10**5000},
        {"exemplar_size": 10**5000},
        {"features": "x" * 5000},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_any_length_are_refused_with_200_characters(
    path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(InputError) as error:
        texot.synthesize(path, **options)
    assert len(str(error.value)) < 200 + 150
