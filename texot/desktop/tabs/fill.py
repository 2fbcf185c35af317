"""Inpaint and Tile: fill what is painted, as `texot inpaint`, or make the photo tile, as `texot tile`."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QWidget

from texot.desktop.controls import Common, button, choice, number, row
from texot.desktop.mask import Mask
from texot.desktop.requests import JobRequest
from texot.desktop.tabs.tab import Tab
from texot.errors import InputError

FILL, TILE = "fill what is painted", "make the photo tile"


class FillTab(Tab):
    """Its settings, and the brush.

    Attributes:
        brush_changed: width in pixels, and whether it erases.
        ask_load, ask_save: a file is wanted for the mask.
    """

    title = "Inpaint, Tile"
    tasks = ("inpaint", "tile")
    brush_changed = Signal(int, bool)
    ask_load = Signal()
    ask_save = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._size = QSize()
        self._has_hole = False  # whether some of the photo is transparent
        self._mask: Mask | None = None
        self._kept: tuple[bytes, str] = (b"", "")  # the mask that was last kept, and its file
        self.what = choice([FILL, TILE], FILL, "What is made of the photo")
        self.form.addRow("&What", self.what)
        self.common = Common(self.form, ["none", "x", "y", "both"], "none", size=False)
        self._of_fill: list[QWidget] = []
        self._of_tile: list[QWidget] = []
        self._build_fill()
        self._build_tile()
        self.what.currentTextChanged.connect(lambda _: self._chosen())
        self._chosen()

    def _build_fill(self) -> None:
        tip = "Width of the brush; [ and ] make it smaller and larger"
        self.brush = number(1, 2000, 24, tip, " px")
        self.form.addRow("&Brush", self.brush)
        tip = "Distance in pixels from which a hole takes texture; default: its width, at least 64"
        self.reach = number(0, 1_000_000, 0, tip, " px")
        self.reach.setSpecialValueText("its width, at least 64")
        self.form.addRow("&Reach", self.reach)
        tip = "Paint black: take away what is painted (E)"
        self.erase = button("Erase", tip, self._brush_changed, checkable=True)
        self.invert = button("Invert", "Painted and not painted change places (Ctrl+I)", self._invert)
        self.clear = button("Clear", "Nothing painted", self._clear)
        tools = row(self.erase, self.invert, self.clear)
        self.undo = button("Undo", "Take the last stroke back (Ctrl+Z)", self._undo)
        self.redo = button("Redo", "Make the stroke again (Ctrl+Shift+Z)", self._redo)
        changes = row(self.undo, self.redo)
        self.load = button("Load mask...", "White is filled; of the photo's size", self.ask_load.emit)
        self.save = button("Save mask...", "Write the mask: white is filled", self.ask_save.emit)
        files = row(self.load, self.save)
        for holder in (tools, changes, files):
            self.form.addRow(holder)
        self._of_fill = [self.brush, self.reach, tools, changes, files]
        self.brush.valueChanged.connect(lambda _: self._brush_changed())

    def _build_tile(self) -> None:
        tip = "Width in pixels of the band that is synthesised at the edges; default: a quarter of the side"
        self.band = number(0, 100_000, 0, tip, " px")
        self.band.setSpecialValueText("a quarter of the shorter side")
        self.form.addRow("&Band", self.band)
        self.flatten = QCheckBox("F&latten")
        self.flatten.setToolTip("First remove gradients of brightness and colour")
        self.form.addRow(self.flatten)
        self._of_tile = [self.band, self.flatten]

    @property
    def quality(self) -> str:
        """As chosen."""
        return self.common.quality.currentText()

    @property
    def fills(self) -> bool:
        """Whether what is painted is filled, not the borders."""
        return self.what.currentText() == FILL

    def opened(self, path: str, image: QImage) -> None:
        """A new mask; the old one stays where the image has its size."""
        super().opened(path, image)
        self._has_hole = image.hasAlphaChannel()
        size = image.size()
        if size != self._size:
            self._size, self._mask = size, Mask(size, self)
            self._mask.changed.connect(self._refresh)
            self.brush.setValue(max(3, min(size.width(), size.height()) // 12))
        self._chosen()

    def loaded(self, image: QImage) -> None:
        """The mask of a file."""
        if self._mask is not None:
            self._mask.replace(image)

    def another(self) -> None:
        """The next seed."""
        self.common.another()

    def restore(self, job: JobRequest) -> None:
        """Show the settings of a job, and its mask; what is painted comes back by undo."""
        self.common.restore(job.arguments)
        self.what.setCurrentText(FILL if job.task == "inpaint" else TILE)
        self.reach.setValue(int(job.arguments.get("reach") or 0))
        self.band.setValue(job.arguments.get("band") or 0)
        self.flatten.setChecked(bool(job.arguments.get("flatten")))
        mask = QImage(str(job.files.get("mask") or ""))
        if self._mask is not None and mask.size() == self._mask.size:
            mask = mask.convertToFormat(QImage.Format.Format_Grayscale8)
            if mask != self._mask.image:
                self._mask.replace(mask)

    def jobs(self, folder: str) -> list[JobRequest]:
        """One."""
        image = self.need_image()
        options = {
            "tile": self.common.tile.currentText(),
            "quality": self.quality,
            "seed": self.common.seed.value(),
        }
        if not self.fills:
            if options["tile"] == "none":
                options["tile"] = "both"
            band = self.band.value() or None
            return [
                JobRequest(
                    "tile", {"image": image}, {**options, "band": band, "flatten": self.flatten.isChecked()}
                )
            ]
        assert self._mask is not None
        reach = self.reach.value() or None
        if self._mask.is_empty() and self._has_hole:
            return [JobRequest("inpaint", {"image": image, "mask": None}, {**options, "reach": reach})]
        if self._mask.is_empty():
            raise InputError("nothing is painted: paint on the photo what is to be filled, or load a mask")
        file = self.keep_mask(folder)
        return [JobRequest("inpaint", {"image": image, "mask": file}, {**options, "reach": reach})]

    def keep_mask(self, folder: str) -> str:
        """The mask as a file of the session, a new one where it has changed."""
        assert self._mask is not None
        bits = bytes(self._mask.image.constBits())
        if self._kept[0] != bits:
            number = len(list(Path(folder).glob("mask-*.png")))
            self._kept = bits, str(Path(folder) / f"mask-{number}.png")
            self._mask.image.save(self._kept[1])
        return self._kept[1]

    def _chosen(self) -> None:
        for widget in self._of_fill:
            self.form.setRowVisible(widget, self.fills)
        for widget in self._of_tile:
            self.form.setRowVisible(widget, not self.fills)
        goes_on = "Axes along which the photo tiles"
        self.common.tile.setToolTip(goes_on if self.fills else "Axes along which the result tiles")
        self.painting = self._mask if self.fills else None
        self._refresh()
        self.mask_changed.emit()

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
        """A step larger or smaller."""
        width = self.brush.value()
        self.brush.setValue(max(width + 1, width * 5 // 4) if larger else min(width - 1, width * 4 // 5))
