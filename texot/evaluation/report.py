"""One HTML page that holds all there is to see of some results: no network, no other file.

Needs Jinja2 and matplotlib (`pip install 'texot[evaluate]'`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from torch import Tensor

from texot._version import __version__
from texot.evaluation import report_pictures as pictures
from texot.evaluation.evaluator import Evaluator, Measurement
from texot.evaluation.metrics import FIGURES, best, text
from texot.files.record import LossPoint
from texot.files.whole import write_whole
from texot.packages import imported

_COMPARED = {
    "shifted": ("shifted copy", "the exemplar rolled by a third: no new texture, least distance"),
    "blurred": ("blurred copy", "the exemplar under a Gaussian of 1 pixel"),
    "unseen": ("unseen part", "the reference: another part of the photograph"),
}


@dataclass(frozen=True)
class Entry:
    """One result in a report.

    Attributes:
        name: shown as its heading.
        image: (C, H, W).
        measurement: of `Evaluator.measure`.
        settings: of its making, plain JSON values, as texot's PNGs hold them; "loss" is the last one.
        losses: the curve, where it is known (`texot.files.record`).
    """

    name: str
    image: Tensor
    measurement: Measurement
    settings: Mapping[str, Any] = field(default_factory=dict)
    losses: Sequence[LossPoint] = ()


def render(
    evaluator: Evaluator,
    entries: Sequence[Entry],
    comparisons: Mapping[str, tuple[Tensor, Measurement]],
    *,
    name: str = "exemplar",
) -> str:
    """The page as HTML text; the same arguments give the same text.

    Args:
        evaluator: what the entries were measured by.
        entries: results, in the order to show them.
        comparisons: of `Evaluator.comparisons`, or empty.
        name: the exemplar's.

    Raises:
        TexotError: Jinja2 or matplotlib is not installed, or broken.
    """
    jinja2 = imported("jinja2", "Jinja2", "evaluate")
    imported("matplotlib", "matplotlib", "evaluate")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("texot.evaluation") / "templates" / "report.html.j2"
    exemplar = evaluator.exemplar
    curves = {entry.name: entry.losses for entry in entries if any(p.loss > 0 for p in entry.losses)}
    shown = {name: exemplar} | {entry.name: entry.image for entry in entries}
    compared = {_COMPARED[key][0]: one for key, (_, one) in comparisons.items()}
    page: str = environment.from_string(template.read_text(encoding="utf-8")).render(
        version=__version__,
        name=name,
        size=_size(exemplar),
        network=evaluator.network.name,
        picture=pictures.picture(exemplar),
        reference=None if evaluator.reference is None else pictures.picture(evaluator.reference),
        key=pictures.copy_key((exemplar.shape[1], exemplar.shape[2])),
        results=[_result(entry) for entry in entries],
        compared=[
            {"name": _COMPARED[key][0], "about": _COMPARED[key][1], "picture": pictures.picture(image)}
            for key, (image, _) in comparisons.items()
        ],
        headings=[*(entry.name for entry in entries), *compared],
        n_results=len(entries),
        rows=_rows([entry.measurement for entry in entries], list(compared.values())),
        scales=_scales({entry.name: entry.measurement for entry in entries} | compared),
        spectra=pictures.spectra(shown),
        losses=pictures.losses(curves) if curves else None,
    )
    return page


def write_report(
    path: str | os.PathLike[str],
    evaluator: Evaluator,
    entries: Sequence[Entry],
    comparisons: Mapping[str, tuple[Tensor, Measurement]],
    *,
    name: str = "exemplar",
) -> None:
    """Write `render`'s page, whole or not at all.

    Raises:
        OutputError: it cannot be written.
        TexotError: as `render`.
    """
    write_whole(path, render(evaluator, entries, comparisons, name=name).encode())


def _result(entry: Entry) -> dict[str, Any]:
    measurement, height, width = entry.measurement, *entry.image.shape[1:]
    return {
        "name": entry.name,
        "size": _size(entry.image),
        "picture": pictures.picture(entry.image),
        "tiling": pictures.tiling(entry.image),
        "copies": pictures.copy_map(measurement.copies) if measurement.copies else None,
        "odd": None if measurement.odd is None else pictures.odd_map(measurement.odd, (height, width)),
        "loss": entry.settings.get("loss"),
        "settings": {key: str(value) for key, value in sorted(entry.settings.items())},
    }


def _rows(results: list[Measurement], compared: list[Measurement]) -> list[dict[str, Any]]:
    """One for each figure that any result has: its heading, what it means, a cell a column."""
    rows = []
    for name, figure in FIGURES.items():
        values = [one.figures.get(name) for one in (*results, *compared)]
        if not any(value is not None for value in values[: len(results)]):
            continue
        winners = best(figure, values[: len(results)]) if len(results) > 1 else set()
        reasons = [one.missing.get(name, "") for one in (*results, *compared)]
        rows.append(
            {
                "name": name,
                "title": figure.title,
                "meaning": figure.meaning,
                "goal": f"{figure.goal:g}",
                "cells": [
                    {"text": text(figure, value), "best": k in winners, "why": why}
                    for k, (value, why) in enumerate(zip(values, reasons, strict=True))
                ],
            }
        )
    return rows


def _scales(columns: Mapping[str, Measurement]) -> list[tuple[str, list[str]]]:
    """Patch distances by scale: a name and a number a scale."""
    found = []
    for name, one in columns.items():
        values = one.figures.get("distance_by_scale")
        if isinstance(values, list):
            found.append((name, [f"{value:.2f}" for value in values]))
    return found


def _size(image: Tensor) -> str:
    return f"{image.shape[2]}×{image.shape[1]}"
