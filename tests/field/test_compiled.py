"""The compiled loops make the bytes of the tensor code, and where they cannot be had all goes on."""

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.field import compiled, loops
from texot.field.compiled import Kernels
from texot.field.grid import Grid
from texot.field.search import search
from texot.field.source import Source
from texot.field.vote import vote
from texot.images.pyramid import Periodic

AXES: list[Periodic] = [(False, False), (True, False), (True, True)]
PLAIN = Kernels(loops.improve, loops.vote)


def kernels(kind: str) -> Kernels:
    if kind == "plain":
        return PLAIN
    if importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed")
    thread = compiled.prepare()
    assert thread is not None
    thread.join()
    found = compiled.ready()
    assert found is not None
    return found


def both(monkeypatch: pytest.MonkeyPatch, loops_of: Kernels, call):  # type: ignore[no-untyped-def]
    made = []
    for one in (None, loops_of):
        for module in ("search", "vote"):
            monkeypatch.setattr(f"texot.field.{module}.ready", lambda one=one: one)
        made.append(call())
    return made


@pytest.mark.parametrize("kind", ["plain", "numba"])
@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("priced", [False, True])
@pytest.mark.parametrize("holes", [False, True])
def test_the_search_finds_the_same(
    kind: str, periodic: Periodic, priced: bool, holes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = torch.ones(22, 25, dtype=torch.bool)
    known[8:11, 9:15] = False
    source = Source.of(clouds(2, 22, 25), known if holes else None, 5, 16)
    grid = Grid(Grid.fitting((23, 21), 5, 2, periodic), 5, 2, periodic)
    image = clouds(2, *grid.size, seed=1)
    n = grid.shape[0] * grid.shape[1]
    start = source.targets[
        torch.randint(len(source.targets), (n,), generator=torch.Generator().manual_seed(0))
    ]
    price = 1e5 * torch.rand(len(source.coordinates), generator=torch.Generator().manual_seed(1))
    active = torch.arange(n) % 3 > 0 if holes else None

    def call() -> tuple[Tensor, Tensor]:
        return search(
            grid,
            source,
            image,
            start,
            (lambda *_: price) if priced else None,
            reach=(1, 4),
            active=active,
            generator=torch.Generator().manual_seed(2),
        )

    one, two = both(monkeypatch, kernels(kind), call)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], start)
    if active is not None:
        assert torch.equal(one[0][~active], start[~active])


@pytest.mark.parametrize("kind", ["plain", "numba"])
@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_vote_is_the_same(
    kind: str, periodic: Periodic, stride: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exemplar = noise(channels, 14, 17)
    grid = Grid(Grid.fitting((19, 16), 5, stride, periodic), 5, stride, periodic)
    n = grid.shape[0] * grid.shape[1]
    generator = torch.Generator().manual_seed(0)
    found = torch.randint(10 * 13, (n,), generator=generator)
    weights = 0.1 + torch.rand(n, generator=generator)
    monkeypatch.setattr("texot.field.vote._BAND", 24)
    one, two = both(monkeypatch, kernels(kind), lambda: vote(grid, exemplar, found, weights))
    assert torch.equal(one, two)


@pytest.mark.parametrize("threads", [1, 2, 7, 50])
def test_bands_are_all_rows_once(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    rows: list[int] = []
    compiled.in_bands(lambda first, last: rows.extend(range(first, last)), 3, 23)
    assert sorted(rows) == list(range(3, 23))


def test_a_numba_that_fails_is_told_of_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = ModuleType("numba")
    monkeypatch.setitem(sys.modules, "numba", broken)
    monkeypatch.setattr(compiled, "_kernels", None)
    with caplog.at_level(logging.WARNING):
        compiled._compile()
    assert compiled.ready() is None
    assert "numba" in caplog.text


def test_loops_are_compiled_where_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def njit(signatures: list[str], *, nogil: bool, cache: bool = False) -> Callable[[Any], Any]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda loop: loop

    numba = ModuleType("numba")
    numba.njit = njit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "numba", numba)
    monkeypatch.setattr(compiled, "_kernels", None)
    compiled._compile()
    assert asked == [True, False, True, False]
    assert compiled.ready() == PLAIN


def test_without_numba_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_thread", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert compiled.prepare() is None
    assert "texot[fast]" in compiled.report()


@pytest.mark.parametrize("works", [False, True])
def test_the_report_says_whether_numba_works(works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    monkeypatch.setattr(compiled, "_thread", thread)
    monkeypatch.setattr(compiled, "_kernels", PLAIN if works else None)
    assert compiled.report().startswith("yes" if works else "no")
