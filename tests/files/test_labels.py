"""Pictures of labels."""

import numpy as np
import pytest
import torch

from texot import InputError
from texot.files.labels import read_labels

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)


def picture(*rows: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(rows, np.uint8)


def test_labels_are_numbered_by_what_the_result_has() -> None:
    own, wanted, names = read_labels(picture([RED, GREEN, BLUE]), picture([BLUE, GREEN], [GREEN, BLUE]))
    assert sorted(names) == ["#1e1ec8", "#1ea01e"]
    blue = names.index("#1e1ec8")
    assert own.tolist() == [[-1, 1 - blue, blue]]
    assert wanted.tolist() == [[blue, 1 - blue], [1 - blue, blue]]


def test_grey_pictures_have_labels_too() -> None:
    own, wanted, names = read_labels(np.array([[0, 255]], np.uint8), np.array([[255, 255]], np.uint8))
    assert names == ["#ffffff"]
    assert own.tolist() == [[-1, 0]]
    assert not wanted.any()


def test_a_colour_that_the_exemplar_lacks_is_named() -> None:
    with pytest.raises(InputError, match=r"colour #1e1ec8, which .* lack: they have #1ea01e, #c81e1e"):
        read_labels(picture([RED, GREEN]), picture([RED, BLUE]))


def test_rare_colours_count_as_the_nearest_label() -> None:
    target = np.zeros((40, 40, 3), np.uint8) + np.array(RED, np.uint8)
    target[20:] = GREEN
    target[20, :3] = (120, 90, 30)  # a smoothed edge, fewer than one in 200 pixels
    _, wanted, names = read_labels(picture([RED, GREEN]), target)
    assert wanted[20, 0] in (0, 1)
    assert len(names) == 2


def test_photographs_are_no_labels() -> None:
    noise = torch.rand(3, 60, 60)
    with pytest.raises(InputError, match="no clear colours"):
        read_labels(noise, noise)
