"""What goes where in a new texture: controls that are folded until they are asked for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from texot.desktop.control_settings import OF_ONE, ControlSettings
from texot.desktop.requests import FOLLOWED
from texot.desktop.views.controls import Share, choice, repeat_tips
from texot.desktop.views.picture_choice import PictureChoice
from texot.desktop.views.share_list import ShareList

TITLE = "What goes where"
SOURCE_TIP = "Take texture only from the white pixels of this mask of the exemplar (the open image)"
PAINTED = ("source", "labels", "target_labels")
"""Pictures that can be painted."""
_TIPS = {
    "others": "Add exemplars: the result has areas of each, with a share for every exemplar",
    "blend_scale": "Size of the areas of several exemplars, from objects (0) to a side of the result (1)",
    "source": SOURCE_TIP,
    "weights_map": "Use bright regions of this picture of the exemplar more, black ones never",
    "labels": "Label picture of the exemplar: a colour for every texture in it",
    "target_labels": "Label picture of the result: which texture goes where, in the same colours",
    "guide": "A picture that the result follows in brightness",
    "guide_exemplar": "What the guide is compared with, in the exemplar; default: its brightness",
    "rotation_map": "Turn the texture: black as it is, counterclockwise to a whole circle at white",
    "scale_map": "Resize the texture: black half as large, grey as it is, white double",
    "guide_strength": "How closely the result follows its guide: from 0 (no guide) to 1; default: 0.5",
    "symmetry": "Use mirrored and turned copies of the exemplar too; their light comes from other sides",
}
_LABELS = {
    "source": "Source",
    "weights_map": "Weights map",
    "labels": "Labels",
    "target_labels": "Labels of result",
    "guide": "Guide",
    "guide_exemplar": "Compared with",
    "rotation_map": "Rotation map",
    "scale_map": "Scale map",
}


class WhatGoesWhere(QWidget):
    """The controls, below a button that unfolds them.

    Attributes:
        fold: the button.
        summary: what is used, also while it is folded.
        changed: a control has another value.
        exemplars, blend_scale, guide_strength, symmetry: controls.
        pictures: the choice of each picture, by its name.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.fold = QToolButton()
        self.fold.setText(TITLE)
        self.fold.setToolTip(
            "Several exemplars with shares, a source, labels, a guide, symmetry, rotation, scale"
        )
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setCheckable(True)
        self.fold.setAutoRaise(True)
        self.fold.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.fold.toggled.connect(self._unfold)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self._body = QWidget()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        for widget in (self.fold, self.summary, self._body):
            outer.addWidget(widget)
        self._build(QFormLayout(self._body))
        self._unfold(False)
        self._refresh()

    def _build(self, form: QFormLayout) -> None:
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form = form
        self.exemplars = ShareList(_TIPS["others"])
        form.addRow(self.exemplars)
        self.blend_scale = Share(0.5, _TIPS["blend_scale"])
        form.addRow("Area size", self.blend_scale)
        self.pictures: dict[str, PictureChoice] = {}
        for name in _LABELS:
            made = self.pictures[name] = PictureChoice(_TIPS[name], paints=name in PAINTED)
            form.addRow(_LABELS[name], made)
            made.changed.connect(self._refresh)
        self.guide_strength = Share(0.5, _TIPS["guide_strength"])
        form.insertRow(form.rowCount() - 3, "Guide strength", self.guide_strength)
        words = ["none", "flips", "rotations", "both"]
        self.symmetry: QComboBox = choice(words, "none", _TIPS["symmetry"])
        form.addRow("Symmetry", self.symmetry)
        repeat_tips(form)
        self.exemplars.changed.connect(self._refresh)
        self.symmetry.currentTextChanged.connect(lambda _: self._refresh())
        for share in (self.blend_scale, self.guide_strength):
            share.slider.valueChanged.connect(lambda _: self.changed.emit())

    def _unfold(self, on: bool) -> None:
        self.fold.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._body.setVisible(on)
        self._refresh()

    def _refresh(self) -> None:
        settings = self.settings()
        text = settings.summary
        self.summary.setText(f"Uses {text}" if text else "")
        self.summary.setVisible(bool(text) and not self.fold.isChecked())
        several = bool(settings.others)
        self._form.setRowVisible(self.blend_scale, several)
        for name in OF_ONE:
            self._form.setRowVisible(self.pictures[name], not several)
        guided = bool(settings.guide)
        self._form.setRowVisible(self.guide_strength, guided)
        self._form.setRowVisible(self.pictures["guide_exemplar"], guided and not several)
        self.changed.emit()

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {
            "blend scale": self.blend_scale.slider,
            "guide strength": self.guide_strength.slider,
            "symmetry": self.symmetry,
            "unfolded": self.fold,
        }

    def show_image(self, path: str) -> None:
        """Another image is open: what belonged to the former one is cleared."""
        self.exemplars.show_image(path)
        for name in OF_ONE:
            self.pictures[name].show_path(None)

    def show_settings(self, settings: ControlSettings) -> None:
        """Show these settings, unfolded if there are any."""
        self.exemplars.show_exemplars(settings.others, settings.shares)
        self.blend_scale.show_value(settings.blend_scale)
        self.guide_strength.show_value(settings.guide_strength)
        self.symmetry.setCurrentText(settings.symmetry)
        for name, made in self.pictures.items():
            made.show_path(getattr(settings, name))
        if settings.summary:
            self.fold.setChecked(True)

    def settings(self) -> ControlSettings:
        """The settings that are shown."""
        others = self.exemplars.others
        names = ("guide",) if others else FOLLOWED
        follows = next((name for name in names if self.pictures[name].path), "guide")
        return ControlSettings(
            tuple(others),
            tuple(self.exemplars.shares) if others else (),
            blend_scale=self.blend_scale.value,
            guide_strength=self.guide_strength.value,
            symmetry=self.symmetry.currentText(),
            target_size=self.pictures[follows].size_shown,
            **{name: made.path for name, made in self.pictures.items()},
        )
