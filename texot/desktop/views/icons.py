"""Icons of Lucide (ISC licence, `data/icons/LICENSE`), in the colours of the palette."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

_RATIOS = (1.0, 2.0, 3.0)  # of displays


def icon(name: str, side: int, palette: QPalette) -> QIcon:
    """An icon for a button: in the colour of its text, paler where the button is off.

    Args:
        name: of a file in `data/icons`, without its suffix.
        side: in pixels.
        palette: of the button.
    """
    made = QIcon()
    for mode, group in (
        (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
        (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
    ):
        colour = palette.color(group, QPalette.ColorRole.ButtonText)
        for ratio in _RATIOS:
            made.addPixmap(picture(name, side, colour, ratio), mode)
    return made


def picture(name: str, side: int, colour: QColor, ratio: float) -> QPixmap:
    """An icon in one colour, of `side` pixels on a display with `ratio` device pixels a pixel."""
    text = _svg(name).replace("currentColor", colour.name())
    made = QPixmap(QSize(side, side) * ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setOpacity(colour.alphaF())
    QSvgRenderer(QByteArray(text.encode())).render(painter, QRectF(made.rect()))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made


@cache
def _svg(name: str) -> str:
    return (files("texot.desktop") / "data" / "icons" / f"{name}.svg").read_text(encoding="utf-8")
