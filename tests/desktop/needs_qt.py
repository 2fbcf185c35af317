"""Imported first by tests of the window: it skips them where Qt does not load."""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip(
    "PySide6.QtWidgets",
    reason="NO TEST OF THE WINDOW without Qt: pip install 'texot[desktop]'; Debian: apt-get install libegl1",
    exc_type=ImportError,
)
