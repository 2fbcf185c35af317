"""`texot desktop`: the window."""

import os
import sys
from pathlib import Path

import click

from texot.cli.options import FILE, example
from texot.errors import OutputError, TexotError


@click.command(
    short_help="Open the window.",
    epilog=example("texot desktop samples/pebbles.jpg --screenshot window.png --quality draft"),
)
@click.argument("image", type=FILE, required=False)
@click.option(
    "--screenshot",
    metavar="FILE.png",
    type=FILE,
    help="Synthesise a texture of IMAGE, save a screenshot of the window, and exit.",
)
@click.option(
    "--quality",
    type=click.Choice(["draft", "normal", "high"]),
    default="normal",
    show_default=True,
    help="Speed/quality trade-off of that texture.",
)
def desktop(image: Path | None, screenshot: Path | None, quality: str) -> None:
    """Open the window, with IMAGE, an image or a folder of maps, if given."""
    if screenshot is not None and image is None:
        raise click.UsageError("--screenshot shows a texture of IMAGE: give one.")
    if screenshot is not None and screenshot.suffix.lower() != ".png":
        raise click.UsageError(f"--screenshot writes a PNG: {screenshot} must end in .png.")
    _check_display(screenshot is not None)
    _check_libraries()
    try:
        from texot.desktop.app import run
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("PySide6", "shiboken6")):
            raise
        raise click.ClickException("the window needs Qt: pip install 'texot[desktop]'") from error
    except ImportError as error:
        raise click.ClickException(f"Qt lacks a library of the system: {error}") from error
    failure = run(
        str(image) if image else None, screenshot=str(screenshot) if screenshot else None, quality=quality
    )
    if failure:
        raise (OutputError if "cannot write" in failure else TexotError)(failure)


def _check_display(hidden: bool) -> None:
    """Refuse to start without a display, which would make Qt abort. A screenshot needs none.

    Raises:
        click.ClickException: there is no display.
    """
    known = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not sys.platform.startswith("linux") or any(os.environ.get(name) for name in known):
        return
    if not hidden:
        raise click.ClickException("no display: start it from a desktop session, or use --screenshot")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"


def _check_libraries() -> None:
    """Refuse to start where Qt would abort because it lacks libraries of the system.

    Raises:
        click.ClickException: it lacks some; the message says how to install them.
    """
    from texot.desktop.qt_libraries import advice, missing_libraries, uses_xcb

    missing = missing_libraries() if uses_xcb(os.environ) else []
    if missing:
        raise click.ClickException(advice(missing))
