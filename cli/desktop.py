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
@click.option("--install-menu", is_flag=True, help="Add texot to the menu of this user's desktop, and exit.")
@click.option("--remove-menu", is_flag=True, help="Remove it from the menu, and exit.")
def desktop(
    image: Path | None, screenshot: Path | None, quality: str, install_menu: bool, remove_menu: bool
) -> None:
    """Open the window, with IMAGE, an image or a folder of maps, if given."""
    if install_menu or remove_menu:
        if image or screenshot or (install_menu and remove_menu):
            raise click.UsageError("--install-menu and --remove-menu stand alone.")
        _change_menu(install=install_menu)
        return
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


def _change_menu(*, install: bool) -> None:
    """Add the entry of the desktop's menu, or remove it, and report the files.

    Raises:
        OutputError: see `texot.desktop.menu_entry`.
    """
    from texot.desktop import menu_entry

    paths = menu_entry.install() if install else menu_entry.remove()
    for path in paths:
        click.echo(f"{'wrote' if install else 'removed'} {path}", err=True)
    if not paths:
        click.echo(f"there is no menu entry in {menu_entry.data_folder()}", err=True)


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
