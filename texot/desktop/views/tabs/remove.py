"""Remove and fill: texture in place of what is painted, as `texot inpaint`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import InpaintSettings
from texot.desktop.views.controls import CommonControls, button, number, row
from texot.desktop.views.mask import Mask
from texot.desktop.views.picture_choice import PictureChoice
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.views.what_goes_where import SOURCE_TIP
from texot.errors import InputError

_REST_MS = 200  # a mask rests when it has not changed for so long


class RemoveTab(Tab):
    """The form, with the tools that paint the mask.

    Args:
        new_file: returns a path for a new file of the session, from its name.

    Attributes:
        brush_changed: (width in pixels, whether it erases).
        ask_load, ask_save: the mask is to be read from a file, written to one.
    """

    title, icon = "Remove and fill", "eraser"
    hint = "Paint over what shall go; texture nearby fills it."
    tasks = ("inpaint",)
    brush_changed = Signal(int, bool)
    ask_load = Signal()
    ask_save = Signal()

    def __init__(self, new_file: Callable[[str], str]) -> None:
        super().__init__()
        self._new_file = new_file
        self._size = QSize()
        self._has_hole = False  # whether some of the photo is transparent
        self._mask: Mask | None = None
        self._written: tuple[bytes, str] = (b"", "")  # the mask that was written last, and its file
        self.common = CommonControls(self.form, ["none", "x", "y", "both"], "none", size=False)
        self.common.tile.setToolTip("Axes along which the photo tiles")
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.mask_rested.emit)
        self._build()
        self._refresh()

    def _build(self) -> None:
        tip = "Width of the brush; [ and ] make it smaller and larger"
        self.brush = number(1, 2000, 24, tip, " px")
        self.form.addRow("&Brush", self.brush)
        tip = "Distance in pixels from which a hole takes texture; default: its width, at least 64"
        self.reach = number(0, 1_000_000, 0, tip, " px")
        self.reach.setSpecialValueText("its width, at least 64")
        self.form.addRow("&Reach", self.reach)
        self.source = PictureChoice(SOURCE_TIP, paints=True)
        self.form.addRow("S&ource", self.source)
        tip = "Erase: unpaint what the brush touches (E)"
        self.erase = button("Erase", tip, self._brush_changed, checkable=True)
        self.invert = button("Invert", "Swap painted and unpainted pixels (Ctrl+I)", self._invert)
        self.clear = button("Clear", "Unpaint everything", self._clear)
        tools = row(self.erase, self.invert, self.clear)
        self.undo = button("Undo", "Undo the last stroke (Ctrl+Z)", self._undo)
        self.redo = button("Redo", "Redo the stroke (Ctrl+Shift+Z)", self._redo)
        changes = row(self.undo, self.redo)
        self.load = button("Load mask...", "White is filled; of the photo's size", self.ask_load.emit)
        self.save = button("Save mask...", "Write the mask: white is filled", self.ask_save.emit)
        files = row(self.load, self.save)
        for holder in (tools, changes, files):
            self.form.addRow(holder)
        self.brush.valueChanged.connect(lambda _: self._brush_changed())

    @property
    def quality(self) -> str:
        """The quality that is chosen."""
        return self.common.quality.currentText()

    @property
    def painted_pixels(self) -> int | None:
        """Number of pixels that are painted; None without a mask."""
        return None if self._mask is None else self._mask.n_painted

    def show_image(self, path: str, image: QImage) -> None:
        """Begin a new mask, or keep the old one where the image has the same size."""
        if path != self.image:
            self.source.show_path(None)
        super().show_image(path, image)
        self._has_hole = image.hasAlphaChannel()
        size = image.size()
        if size != self._size:
            self._size, self._mask = size, Mask(size, self)
            self._mask.changed.connect(self._refresh)
            self._mask.changed.connect(self._rest.start)
            self.brush.setValue(max(3, min(size.width(), size.height()) // 12))
        self.painting = self._mask
        self._refresh()
        self.mask_changed.emit()

    def show_mask(self, image: QImage) -> None:
        """Replace the mask, which undo brings back."""
        if self._mask is not None:
            self._mask.replace(image)

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {**self.common.remembered(), "reach": self.reach}

    def next_seed(self) -> None:
        """Show the next seed."""
        self.common.next_seed()

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of a request and its mask; undo brings the painted mask back."""
        settings = InpaintSettings.from_request(request)
        self._show_mask_file(settings.mask or "")
        self.common.show_values(None, settings.tile, settings.quality, settings.seed)
        self.reach.setValue(settings.reach or 0)
        self.source.show_path(settings.source)

    def _show_mask_file(self, path: str) -> None:
        mask = QImage(path)
        if self._mask is not None and mask.size() == self._mask.size:
            mask = mask.convertToFormat(QImage.Format.Format_Grayscale8)
            if mask != self._mask.image:
                self._mask.replace(mask)

    def settings(self) -> InpaintSettings:
        """The settings that are shown; the mask is written to a file of the session."""
        mask = None
        if self._mask is not None and not self._mask.is_empty():
            mask = self.write_mask()
        elif self._mask is not None and not self._has_hole:
            raise InputError("nothing is painted: paint on the photo what is to be filled, or load a mask")
        reach = self.reach.value() or None
        tile, seed = self.common.tile.currentText(), self.common.seed.value()
        return InpaintSettings(self.image, mask, tile, self.quality, seed, reach, self.source.path)

    def write_mask(self) -> str:
        """Path of a file of the session with the mask; a new file where the mask has changed."""
        assert self._mask is not None
        bits = bytes(self._mask.image.constBits())
        if self._written[0] != bits:
            self._written = bits, self._new_file("mask")
            self._mask.image.save(self._written[1])
        return self._written[1]

    def _refresh(self) -> None:
        mask = self._mask
        for control in (self.invert, self.clear, self.load, self.save):
            control.setEnabled(mask is not None)
        self.undo.setEnabled(mask is not None and mask.can_undo)
        self.redo.setEnabled(mask is not None and mask.can_redo)

    def _brush_changed(self) -> None:
        self.brush_changed.emit(self.brush.value(), self.erase.isChecked())

    def _invert(self) -> None:
        if self._mask is not None:
            self._mask.invert()

    def _clear(self) -> None:
        if self._mask is not None:
            self._mask.clear()

    def _undo(self) -> None:
        if self._mask is not None:
            self._mask.undo()

    def _redo(self) -> None:
        if self._mask is not None:
            self._mask.redo()

    def resize_brush(self, larger: bool) -> None:
        """Make the brush one step larger or smaller."""
        width = self.brush.value()
        self.brush.setValue(max(width + 1, width * 5 // 4) if larger else min(width - 1, width * 4 // 5))
