"""`texot doctor`: devices, back ends and optional packages of this machine."""

import platform
import sys

import click

from texot import __version__
from texot.cli.errors import json_line
from texot.cli.options import example
from texot.errors import printable


@click.command(
    short_help="Check this machine: devices, back ends, optional packages.", epilog=example("texot doctor")
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def doctor(as_json: bool) -> None:
    """Show Python, torch, devices, threads, KeOps, compilers, which back end 'auto' picks, the window.

    KeOps and numba are compiled and run, which takes some seconds the first time.
    """
    found = examine()
    if as_json:
        click.echo(json_line(found))
        return
    width = max(map(len, found))
    for topic, finding in found.items():
        click.echo(f"{topic:<{width}}  {printable(finding)}")


def examine() -> dict[str, str]:
    """Findings by topic, in the order of the table."""
    import torch

    from texot.desktop import qt_libraries
    from texot.field.compiled import report
    from texot.kernels import backend_report

    cuda = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    devices = ["cpu", *(f"cuda:{i} ({p.name}, {p.total_memory / 2**30:.0f} GiB)" for i, p in enumerate(cuda))]
    return {
        "texot": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "torch": str(torch.__version__),
        "devices": ", ".join(devices),
        "threads": f"{torch.get_num_threads()} (change with --threads)",
        **backend_report(),
        "compiled search": report(),
        "window": qt_libraries.report(),
    }
