"""A real window on Qt's offscreen platform, its worker a real process; no mocked library."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from texot.desktop.window import Window


@pytest.fixture(scope="session")
def application() -> "QApplication":
    """The application of all tests: Qt allows one in a process."""
    from PySide6.QtWidgets import QApplication

    found = QApplication.instance() or QApplication([])
    assert isinstance(found, QApplication)
    return found


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is unsaved, as that of a user, with none of another session."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "texot" / "sessions"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An exemplar, 40x36."""
    values = np.random.default_rng(1).integers(0, 256, (36, 40, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def window(
    application: "QApplication", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[Window]":
    """A window with no remembered settings, 1024x700."""
    from PySide6.QtCore import QSettings
    from PySide6.QtTest import QTest

    from texot.desktop.window import Window

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Window(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    made.resize(1024, 700)
    made.show()
    assert QTest.qWaitForWindowExposed(made)
    wrong: list[BaseException] = []  # Qt swallows exceptions of Python code that it calls
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: wrong.append(error))
    yield made
    if wrong:
        raise wrong[0]
    made.end()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Run the event loop until a condition is true."""
    from PySide6.QtTest import QTest

    def wait(condition: Callable[[], object], seconds: float = 30) -> None:
        late = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < late, "the condition did not become true"
            QTest.qWait(10)

    return wait
