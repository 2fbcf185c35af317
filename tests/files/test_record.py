"""What a PNG remembers of its making."""

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from texot.errors import InputError
from texot.files.record import LOSSES, SETTINGS, LossPoint, loss_curve, png_text, read_record
from texot.files.write import write_image


def write(path: Path, text: dict[str, str]) -> Path:
    write_image(torch.full((3, 4, 5), 0.5), path, text=text)
    return path


@pytest.mark.parametrize("count", [0, 1, 2, 199, 200])
def test_short_curves_are_kept_whole(count: int) -> None:
    losses = [(int(step < 50), 1 / (step + 1)) for step in range(count)]
    curve = loss_curve(losses)
    assert [(point.scale, point.step) for point in curve] == [(s, k + 1) for k, (s, _) in enumerate(losses)]
    assert [point.loss for point in curve] == pytest.approx([loss for _, loss in losses], rel=1e-4)


@pytest.mark.parametrize("count", [201, 399, 5000])
def test_long_curves_are_thinned_evenly(count: int) -> None:
    curve = loss_curve([(0, 1.0 + step) for step in range(count)])
    steps = [point.step for point in curve]
    assert len(curve) == 200
    assert (steps[0], steps[-1]) == (1, count)
    gaps = {b - a for a, b in itertools.pairwise(steps)}
    assert max(gaps) - min(gaps) <= 1
    assert all(point.loss == point.step for point in curve if point.step < 10_000)


def test_losses_that_no_axis_shows_are_left_out() -> None:
    curve = loss_curve([(1, math.nan), (1, 2.0), (0, math.inf), (0, 1.0)])
    assert curve == [LossPoint(1, 2, 2.0), LossPoint(0, 4, 1.0)]


def test_there_and_back_in_some_kilobytes(tmp_path: Path) -> None:
    losses = [(3 - step // 300, 0.123456 * math.exp(-step / 100)) for step in range(1200)]
    text = png_text({"seed": 7, "loss": 0.5}, losses)
    assert text == png_text({"loss": 0.5, "seed": 7}, losses)
    assert len(text[LOSSES]) < 4000
    assert read_record(write(tmp_path / "a.png", text)) == ({"seed": 7, "loss": 0.5}, loss_curve(losses))


def test_without_losses_there_is_no_text_of_them(tmp_path: Path) -> None:
    text = png_text({"seed": 7}, [(0, math.nan)])
    assert list(text) == [SETTINGS]
    assert read_record(write(tmp_path / "a.png", text)) == ({"seed": 7}, [])


@pytest.mark.parametrize(
    "losses",
    [
        "",
        "{",
        "7",
        "null",
        "[" * 10_000,
        "[1]",
        "[[0,1]]",
        '[[0,1,"a"]]',
        "[[0,1,NaN]]",
        "[[true,1,2.0]]",
        "[[0,1,1e999]]",
        f"[[0,1{'0' * 400},1.0]]",
        "[[-1,1,1.0]]",
        "[[0,1,1e300]]",
    ],
)
def test_damaged_losses_are_none(tmp_path: Path, losses: str) -> None:
    text = {SETTINGS: json.dumps({"seed": 7}), LOSSES: losses}
    assert read_record(write(tmp_path / "a.png", text)) == ({"seed": 7}, [])


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "[]",
        "{",
        "[" * 10_000,
        '{"stopped_at": "x"}',
        '{"stopped_at": 0}',
        '{"stopped_at": 1e9}',
        '{"loss": NaN}',
        '{"loss": 1e999}',
        f'{{"seed": 1{"0" * 400}}}',
        '{"seed": -1}',
        '{"size": [1, 2, 3]}',
        '{"threads": 100000}',
        '{"texot": "\\ud800"}',
        '{"a": "\\u001b[31m"}',
        '{"\\u009b": 1}',
    ],
)
def test_damaged_settings_are_refused(tmp_path: Path, settings: str) -> None:
    path = write(tmp_path / "a.png", {SETTINGS: settings})
    with pytest.raises(InputError, match="settings are damaged"):
        read_record(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it holds no texot settings"):
        read_record(write(tmp_path / "a.png", {"Title": "x"}))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    with pytest.raises(InputError):
        read_record(tmp_path / "a.jpg")


def test_names_of_files_become_printable(tmp_path: Path) -> None:
    """A name may hold an escape sequence, or bytes that are no UTF-8."""
    path = write(tmp_path / "a.png", png_text({"features": "\x1b[31m\udcff.pth", "seed": 7}))
    assert read_record(path)[0] == {"features": "\\x1b[31m\\udcff.pth", "seed": 7}
