"""Inpaint and Tile: fill what is painted, as `texot inpaint`, or make the photo tile, as `texot tile`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import InpaintSettings, TileSettings
from texot.desktop.views.controls import CommonControls, button, choice, number, row
from texot.desktop.views.mask import Mask
from texot.desktop.views.tabs.tab import Tab
from texot.errors import InputError

FILL, TILE = "fill what is painted", "make the photo tile"


class FillTab(Tab):
    """The form, with the tools that paint the mask.

    Args:
        new_file: returns a path for a new file of the session, from its name.

    Attributes:
        brush_changed: (width in pixels, whether it erases).
        ask_load, ask_save: the mask is to be read from a file, written to one.
    """

    title = "Inpaint, Tile"
    tasks = ("inpaint", "tile")
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
        self.what = choice([FILL, TILE], FILL, "What is made of the photo")
        self.form.addRow("&What", self.what)
        self.common = CommonControls(self.form, ["none", "x", "y", "both"], "none", size=False)
        self._of_fill: list[QWidget] = []
        self._of_tile: list[QWidget] = []
        self._build_fill()
        self._build_tile()
        self.what.currentTextChanged.connect(lambda _: self._choose())
        self._choose()

    def _build_fill(self) -> None:
        tip = "Width of the brush; [ and ] make it smaller and larger"
        self.brush = number(1, 2000, 24, tip, " px")
        self.form.addRow("&Brush", self.brush)
        tip = "Distance in pixels from which a hole takes texture; default: its width, at least 64"
        self.reach = number(0, 1_000_000, 0, tip, " px")
        self.reach.setSpecialValueText("its width, at least 64")
        self.form.addRow("&Reach", self.reach)
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
        """The quality that is chosen."""
        return self.common.quality.currentText()

    @property
    def fills(self) -> bool:
        """Whether the painted pixels are filled; else the photograph is made to tile."""
        return self.what.currentText() == FILL

    def show_image(self, path: str, image: QImage) -> None:
        """Begin a new mask, or keep the old one where the image has the same size."""
        super().show_image(path, image)
        self._has_hole = image.hasAlphaChannel()
        size = image.size()
        if size != self._size:
            self._size, self._mask = size, Mask(size, self)
            self._mask.changed.connect(self._refresh)
            self.brush.setValue(max(3, min(size.width(), size.height()) // 12))
        self._choose()

    def show_mask(self, image: QImage) -> None:
        """Replace the mask, which undo brings back."""
        if self._mask is not None:
            self._mask.replace(image)

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {
            **self.common.remembered(),
            "what": self.what,
            "reach": self.reach,
            "band": self.band,
            "flatten": self.flatten,
        }

    def next_seed(self) -> None:
        """Show the next seed."""
        self.common.next_seed()

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of a request and its mask; undo brings the painted mask back."""
        settings: InpaintSettings | TileSettings
        if request.task == "inpaint":
            settings = InpaintSettings.from_request(request)
            self._show_mask_file(settings.mask or "")
        else:
            settings = TileSettings.from_request(request)
        self.common.show_values(None, settings.tile, settings.quality, settings.seed)
        self.what.setCurrentText(FILL if request.task == "inpaint" else TILE)
        self.reach.setValue(int(getattr(settings, "reach", None) or 0))
        self.band.setValue(getattr(settings, "band", None) or 0)
        self.flatten.setChecked(bool(getattr(settings, "flatten", False)))

    def _show_mask_file(self, path: str) -> None:
        mask = QImage(path)
        if self._mask is not None and mask.size() == self._mask.size:
            mask = mask.convertToFormat(QImage.Format.Format_Grayscale8)
            if mask != self._mask.image:
                self._mask.replace(mask)

    def settings(self) -> InpaintSettings | TileSettings:
        """The settings that are shown; the mask is written to a file of the session."""
        tile, seed = self.common.tile.currentText(), self.common.seed.value()
        if not self.fills:
            return TileSettings(
                self.image,
                tile="both" if tile == "none" else tile,
                quality=self.quality,
                seed=seed,
                band=self.band.value() or None,
                flatten=self.flatten.isChecked(),
            )
        mask = None
        if self._mask is not None and not self._mask.is_empty():
            mask = self.write_mask()
        elif self._mask is not None and not self._has_hole:
            raise InputError("nothing is painted: paint on the photo what is to be filled, or load a mask")
        reach = self.reach.value() or None
        return InpaintSettings(self.image, mask, tile, self.quality, seed, reach)

    def write_mask(self) -> str:
        """Path of a file of the session with the mask; a new file where the mask has changed."""
        assert self._mask is not None
        bits = bytes(self._mask.image.constBits())
        if self._written[0] != bits:
            self._written = bits, self._new_file("mask")
            self._mask.image.save(self._written[1])
        return self._written[1]

    def _choose(self) -> None:
        for widget in self._of_fill:
            self.form.setRowVisible(widget, self.fills)
        for widget in self._of_tile:
            self.form.setRowVisible(widget, not self.fills)
        tip = "Axes along which the photo tiles"
        self.common.tile.setToolTip(tip if self.fills else "Axes along which the result tiles")
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
        """Make the brush one step larger or smaller."""
        width = self.brush.value()
        self.brush.setValue(max(width + 1, width * 5 // 4) if larger else min(width - 1, width * 4 // 5))
