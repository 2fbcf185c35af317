"""`texot info`: the metadata of a model, or the settings of a PNG or material written by texot."""

import json
from pathlib import Path
from typing import Any

import click

from texot.cli.errors import json_line
from texot.cli.options import FILE, example
from texot.cli.run import start
from texot.errors import printable
from texot.files.record import read_record, read_settings

_PNG = b"\x89PNG\r\n\x1a\n"


@click.command(
    short_help="Show the metadata of a generator or the settings of an image.",
    epilog=example("texot info pebbles.safetensors"),
)
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def info(file: Path, as_json: bool) -> None:
    """Show what FILE records: the metadata of a model, or the settings that made a PNG or a material."""
    start()
    if file.is_dir():
        report = read_settings(file / "texot.json")
    else:
        report = read_record(file)[0] if _is_png(file) else describe(file)
    if as_json:
        click.echo(json_line(report))
        return
    width = max(map(len, report))
    for topic, finding in report.items():
        shown = finding if isinstance(finding, str) else json.dumps(finding)
        click.echo(f"{topic:<{width}}  {printable(' '.join(shown.split()))}")


def _is_png(path: Path) -> bool:
    """Whether this is a regular file that begins as a PNG. Unreadable files are refused later."""
    try:
        if not path.is_file():  # a pipe would block
            return False
        with path.open("rb") as file:
            return file.read(len(_PNG)) == _PNG
    except OSError:
        return False


def describe(model: Path) -> dict[str, Any]:
    """Facts of a model by topic."""
    from dataclasses import asdict

    from texot.experimental.objectives.critics import critics_of
    from texot.generator.model_file import load_model, version_of

    loaded = load_model(model)
    network = loaded.network
    about = asdict(network.architecture)
    own = {
        "format": version_of(network),
        "exemplars": about.pop("textures"),
        "license": loaded.license,
        "weights": sum(parameter.numel() for parameter in network.parameters()),
        "objective": loaded.facts.get("objective", "transport"),
        "critics": len(critics_of(network) or ()),
        **{f"network_{key}": value for key, value in about.items()},
        "icc_profile": None if loaded.icc_profile is None else len(loaded.icc_profile),
    }
    return {**own, **{key: value for key, value in loaded.facts.items() if key not in own}}
