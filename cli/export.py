"""`texot export`: a learned texture for other programs."""

import time
from pathlib import Path

import click

from texot._version import __version__
from texot.cli.files import check_apart
from texot.cli.options import FILE, example, overwrite_option, report_options
from texot.cli.progress import reporter
from texot.cli.run import start


@click.command(
    short_help="Export a generator as ONNX.",
    epilog=example("texot export pebbles.safetensors -o pebbles.onnx"),
)
@click.argument("model", type=FILE)
@click.option("-o", "--output", metavar="OUT", type=FILE, required=True, help="Output file, .onnx.")
@overwrite_option()
@report_options(preview=False)
def export(model: Path, output: Path, overwrite: bool, progress: str, quiet: bool) -> None:
    """Export MODEL, a file written by 'texot train', as an ONNX network: noise in, image out, any size.

    A model of several exemplars has their weights as another input. Needs the extra texot[onnx].
    """
    with reporter(progress, quiet) as report:
        start()
        from texot.errors import OutputError
        from texot.files.stream import check_writable
        from texot.generator.export import export_onnx
        from texot.generator.sampling import Generator

        if output.suffix.lower() != ".onnx":
            raise OutputError(f"expected an output file ending in .onnx, got {str(output)!r}")
        check_apart([model], [output])
        check_writable(output)
        if output.exists() and not overwrite:
            raise OutputError(f"{output} exists and --no-overwrite protects it: choose another name")
        begun = time.perf_counter()
        report.start(version=__version__, output=output)
        export_onnx(Generator.load(model), output)
        report.done(output=output, seconds=time.perf_counter() - begun, interrupted=False)
