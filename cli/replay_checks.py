"""What `texot replay` checks and announces before it repeats the work of a file."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot._version import ALGORITHM, __version__
from texot.cli.progress import Quiet
from texot.cli.replay_specs import Iterate, ReplaySpec
from texot.errors import InputError

if TYPE_CHECKING:
    from texot import State

_IMAGES = {
    "image_sha256": ("photograph", "IMAGE"),
    "hole_sha256": ("mask", "second IMAGE"),
    "source_sha256": ("source mask", "--source"),
    "exemplar_sha256": ("exemplar", "IMAGE"),
    "weight_map_sha256": ("weight map", "--weight-map"),
    "init_sha256": ("start image", "--init"),
    "features_sha256": ("file of weights", "--features"),
    "weights_map_sha256": ("weights map", "--weights-map"),
    "labels_sha256": ("label picture", "--labels"),
    "target_labels_sha256": ("label picture of the result", "--target-labels"),
    "guide_sha256": ("guide", "--guide"),
    "guide_exemplar_sha256": ("guide exemplar", "--guide-exemplar"),
    "rotation_map_sha256": ("rotation map", "--rotation-map"),
    "scale_map_sha256": ("scale map", "--scale-map"),
}
"""Recorded hash of an input -> what it is, and how it is given."""

_FIRST_ALGORITHM = 2  # of files that do not record it
_MAX_THREADS = 64  # accepted on any machine
_USUAL = {"n_iter": 500, "psi_steps": 20, "size": 4096**2}  # above: announced before the work begins
_MAX = {"n_iter": 10_000, "psi_steps": 1000}  # above: only with --force


def threads(asked: int | None, file: Path, report: Quiet) -> int | None:
    """The recorded number of threads, or the largest plausible one."""
    most = max(_MAX_THREADS, os.cpu_count() or 1)
    if asked is None or asked <= most:
        return asked
    report.say(f"{file} asks for {asked} threads, {most} are used: the image may differ")
    return most


def report_work(
    file: Path, options: dict[str, Any], report: Quiet, *, stop_at: int | None, force: bool
) -> None:
    """Announce long work before it begins: a file from others may ask for anything.

    Raises:
        InputError: it would take days, and --force is not given.
    """
    from texot.files.sizes import parse_size

    asked = {name: options.get(name) or 0 for name in ("n_iter", "psi_steps")}
    asked["n_iter"] = min(asked["n_iter"], stop_at or asked["n_iter"])
    over = [name for name, most in _MAX.items() if asked[name] > most]
    if over and not force:
        raise InputError(
            f"{file} asks for {over[0]} {asked[over[0]]}, at most {_MAX[over[0]]} are usual: this would take "
            "hours or days; use --force to run it"
        )
    reported = [f"{name} {count}" for name, count in asked.items() if count > _USUAL[name]]
    with suppress(InputError):  # it is refused later
        width, height = parse_size(options.get("size"), (1, 1))
        if width * height > _USUAL["size"]:
            reported.append(f"{width}x{height} px")
    if reported:
        report.say(f"{file} asks for {', '.join(reported)}: this may take long; Ctrl-C saves the image")


def check_arguments(file: Path, spec: ReplaySpec, images: tuple[Path, ...], given: dict[str, Path]) -> None:
    """Refuse options and images that FILE's command does not have."""
    for name in given:
        if name not in spec.extra:
            raise click.UsageError(
                f"{file} was made by 'texot {spec.command.name}', which has no --{name.replace('_', '-')}."
            )
    if len(images) > spec.max_images:
        raise click.UsageError(
            f"{file} was made by 'texot {spec.command.name}': {spec.max_images} image(s), not {len(images)}."
        )


def checked(iterate: Iterate, file: Path, settings: dict[str, Any]) -> Iterate:
    """The same states, after a check that the inputs are those of FILE."""

    def states(*source: Any, **options: Any) -> "Iterator[State]":
        first = True
        for state in iterate(*source, **options):
            if first:
                compare_images(file, settings, state.result().settings)
                first = False
            yield state

    return states


def compare_images(file: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Refuse inputs other than those of FILE.

    Raises:
        InputError: an input differs.
    """
    for key, (what, how) in _IMAGES.items():
        if wanted.get(key) == found.get(key):
            continue
        if key == "exemplar_sha256" and wanted.get("job") == "inpaint":
            how = "--exemplar"
        if wanted.get(key) is None:
            raise InputError(f"{file} was made without {what}: leave out its {how}, or --force")
        raise InputError(f"{file} was made from another {what}: give that one ({how}), or --force")


def compare_versions(file: Path, settings: dict[str, Any], report: Quiet) -> None:
    """Report other versions than those of FILE: the result may then differ."""
    import torch

    algorithm = settings.get("algorithm", _FIRST_ALGORITHM)
    if algorithm != ALGORITHM:
        report.say(f"{file} was made by algorithm {algorithm}, this is {ALGORITHM}: the image will differ")
        return
    for what, present in ("texot", __version__), ("torch", str(torch.__version__)):
        if settings.get(what) != present:
            report.say(
                f"{file} was made by {what} {settings.get(what)}, this is {present}: the image may differ"
            )
