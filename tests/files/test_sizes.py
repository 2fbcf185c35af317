"""Sizes, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import one_line

from texot.errors import InputError
from texot.files.sizes import parse_size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("512x384", (512, 384)),
        ("512X384", (512, 384)),
        ("512×384", (512, 384)),
        (" 7 x 13 ", (7, 13)),
        ("1e3x1", (1000, 1)),
        ("1x1", (1, 1)),
        ("2x", (202, 128)),
        ("2.0x", (202, 128)),
        ("0.5x", (51, 32)),
        (".5x", (51, 32)),
        ("1.5x", (152, 96)),
        ("1x", (101, 64)),
        ((30, 40), (30, 40)),
        ([30, 40], (30, 40)),
        ((np.int64(30), 40), (30, 40)),
        (256, (256, 256)),
        (None, (101, 64)),
        ("16384x16384", (16384, 16384)),
    ],
)
def test_sizes(size: object, expected: tuple[int, int]) -> None:
    result = parse_size(size, exemplar_size=(101, 64))  # type: ignore[arg-type]
    assert result == expected
    assert [type(side) for side in result] == [int, int]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("0x0", "at least 1x1"),
        ("0x5", "at least 1x1"),
        ("-5x5", "at least 1x1"),
        ("-5", "not understood"),
        ("0x", "at least 1x1"),
        ("-2x", "at least 1x1"),
        ("0.001x", "at least 1x1"),
        ("", "not understood"),
        ("x", "not understood"),
        ("x5", "not understood"),
        ("256", "not understood"),
        ("big", "not understood"),
        ("nanxnan", "not understood"),
        ("infx1", "not understood"),
        ("5x5x5", "not understood"),
        ("5.5x5", "whole pixels"),
        ("1e9x1e9", "would take 12 EB of memory"),
        ("1000000x1000000", "would take 12 TB of memory"),
        ("16385x16384", r"would take 3\.22 GB of memory"),
        ("10000x", "would take 77.7 TB of memory"),
        ("1e300x1e300", "over 1000 EB"),
        ("1e999x1", "over 1000 EB"),
        ("1e999x", "over 1000 EB"),
        ("1e999x0", "at least 1x1"),
        pytest.param("9" * 5000 + "x1", "over 1000 EB", id="digits"),
        pytest.param("9" * 10**6, "not understood", id="digits without end"),
        pytest.param(10**5000, "over 1000 EB", id="int"),
        pytest.param((10**5000, 1), "over 1000 EB", id="pair"),
        pytest.param((-(10**400), 1), "at least 1x1", id="negative"),
        (0, "at least 1x1"),
        (-3, "at least 1x1"),
        ((3, 0), "at least 1x1"),
        ((3,), "whole numbers"),
        ((3, 4, 5), "whole numbers"),
        ((3.0, 4), "whole numbers"),
        (True, "whole numbers"),
        (2.0, "whole numbers"),
        ({}, "whole numbers"),
    ],
)
def test_refused_sizes(size: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        parse_size(size, exemplar_size=(256, 256 - 3))  # type: ignore[arg-type]
    assert len(one_line(error)) < 260
