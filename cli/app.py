"""The `texot` command group; each command has its own file."""

import click

from texot import __version__
from texot.cli.apply import apply
from texot.cli.batch import batch
from texot.cli.calling import handshake
from texot.cli.desktop import desktop
from texot.cli.doctor import doctor
from texot.cli.errors import OneLineErrors, json_line
from texot.cli.evaluate import evaluate
from texot.cli.export import export
from texot.cli.info import info
from texot.cli.inpaint import inpaint
from texot.cli.interpolate import interpolate
from texot.cli.options import example
from texot.cli.preview import preview
from texot.cli.replay import replay
from texot.cli.sample import sample
from texot.cli.straighten import straighten
from texot.cli.synthesize import synthesize
from texot.cli.tile import tile
from texot.cli.train import train


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version, or the handshake, and exit."""
    if not wanted:
        return
    command = context.command
    assert isinstance(command, click.Group)
    as_json = context.meta.get(_JSON)
    click.echo(json_line(handshake(command.commands)) if as_json else f"texot {__version__}")
    context.exit()


def _json(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    context.meta[_JSON] = wanted


_JSON = "texot.json"


@click.group(
    cls=OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("texot synthesize samples/pebbles.jpg -o pebbles.png --size 2x"),
)
@click.option("--version", is_flag=True, expose_value=False, callback=_version, help="Show the version.")
@click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,  # before --version
    callback=_json,
    help="With --version: one JSON object, for programs that call texot.",
)
def texot() -> None:
    """Texture synthesis from one image, by optimal transport of patches."""


texot.add_command(synthesize)
texot.add_command(inpaint)
texot.add_command(tile)
texot.add_command(interpolate)
texot.add_command(straighten)
texot.add_command(apply)
texot.add_command(preview)
texot.add_command(train)
texot.add_command(sample)
texot.add_command(batch)
texot.add_command(info)
texot.add_command(export)
texot.add_command(replay)
texot.add_command(evaluate)
texot.add_command(desktop)
texot.add_command(doctor)
