"""Make one image and write it, for every command that synthesises.

The loop keeps the last `State`: after Ctrl-C, SIGTERM or SIGHUP the current image is written like a finished
one. Its file records the last step, so that this image can be replayed too.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from texot import __version__
from texot.cli.errors import Interrupted, bad_option, one_line
from texot.cli.files import Outputs
from texot.cli.interrupt import CtrlC, raise_on_signals
from texot.cli.pictures import write_picture
from texot.cli.progress import Quiet
from texot.cli.streams import shield_stderr
from texot.files.record import png_text
from texot.jobs.processor_load import free_cores, read_clocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from texot import State, Synthesis
    from texot.files.exemplar import Exemplar
    from texot.files.original import Original


_FREED = 31 << 18
"""Values of 4 bytes, just below glibc's threshold for mmap. Freeing such a block raises the threshold;
otherwise glibc returns the memory of every temporary and requests it again, a tenth of the time of
sampling."""


def start() -> int | None:
    """Import slow modules, shield stderr from C libraries, and make signals exceptions, so that cleanup runs.

    Returns:
        The cores that other programs left free during the imports, or None if unknown.
    """
    shield_stderr()
    before = read_clocks()
    import torch

    import texot.jobs.synthesis  # noqa: F401

    torch.empty(_FREED)  # freed at once: glibc then keeps up to twice as much, see mallopt(3)
    free = free_cores(before, read_clocks())
    raise_on_signals()
    return free


def use_threads(threads: int | None, free: int | None, report: Quiet) -> None:
    """Set torch's threads: the program may do it, the library never does.

    Args:
        threads: number of threads, or None for torch's default, or fewer on a busy machine.
        free: cores that other programs leave free, if known.
        report: is informed if the machine is busy.
    """
    import torch

    if threads is None and free is not None and free < torch.get_num_threads():
        threads = free
        report.say(f"the machine is busy: using {free} of {torch.get_num_threads()} threads (see --threads)")
    if threads:
        torch.set_num_threads(threads)


def pixel_size(size: str | None, exemplar: "Exemplar | Original") -> tuple[int, int]:
    """Width and height that --size asks for.

    Raises:
        click.BadParameter: not a size, or an absurd one.
    """
    from texot.files.sizes import parse_size

    with bad_option("--size"):
        return parse_size(size, exemplar.size)


def again(result: "Synthesis") -> "Original":
    """A result as input of the next job, rounded like its file, so that replay can use the file."""
    from texot.files.original import Original, read_original
    from texot.files.write import as_written

    deep = result.deep_image()
    if deep is not None:
        return read_original(deep)
    image, about = as_written(result.image, result.mode), (result.icc_profile, result.dpi, result.exif)
    return Original.of(image, result.mode, *about)


def run(
    exemplar: "Exemplar | Original | list[Exemplar]",
    options: dict[str, Any],
    outputs: Outputs,
    report: Quiet,
    *,
    stop_at: int | None = None,
    iterate: "Callable[..., Iterator[State]] | None" = None,
) -> "Synthesis":
    """Make one image, report progress, write it.

    Args:
        exemplar: the exemplar, the photograph to change, or several exemplars to interpolate.
        options: arguments of `iterate`.
        outputs: files to write.
        report: reporter of progress.
        stop_at: step to stop at, to replay an interrupted image.
        iterate: the library's iterator of states; None: `texot.iter_synthesis`.

    Returns:
        The written result.

    Raises:
        Interrupted: Ctrl-C or another signal; the current image is written.
        TexotError: see `texot.synthesize` and `texot.files.write.write_image`.
    """
    size = options["size"] if isinstance(exemplar, list) else options.get("size", exemplar.size)
    report.start(version=__version__, output=outputs.image, seed=options.get("seed", 0), size=size)
    with CtrlC() as ctrl_c:
        state, losses = steps(exemplar, options, outputs, report, ctrl_c, stop_at=stop_at, iterate=iterate)
        result = state.result()
        text = png_text(result.settings, [(step.scale, step.loss) for step in result.losses])
        write_picture(result, outputs.image, text)
        if outputs.field:
            from texot.files.field import write_field

            assert result.field is not None
            assert not isinstance(exemplar, list)
            write_field(result.field, getattr(exemplar, "whole", exemplar.size), outputs.field)
        if outputs.loss_plot:
            _plot(losses, state.n_scales, outputs.loss_plot)
    report.done(output=outputs.image, loss=state.loss, seconds=state.seconds, interrupted=ctrl_c.pressed)
    if ctrl_c.pressed:
        progress = f"step {state.total_step} of {state.total_steps}"
        raise Interrupted(f"interrupted: {outputs.image} holds the image after {progress}", ctrl_c.signum)
    return result


def steps(
    exemplar: "Exemplar | Original | list[Exemplar]",
    options: dict[str, Any],
    outputs: Outputs,
    report: Quiet,
    ctrl_c: CtrlC,
    *,
    stop_at: int | None = None,
    iterate: "Callable[..., Iterator[State]] | None" = None,
) -> tuple["State", list[tuple[int, float]]]:
    """Run the loop of `run`; return the last state, and the scale and loss of every step.

    Signals are ignored afterwards: a second Ctrl-C must not lose the file.
    """
    import texot

    state = None
    losses = []
    try:
        for state in (iterate or texot.iter_synthesis)(exemplar, **options):
            ctrl_c.keep()
            losses.append((state.scale, state.loss))
            report.step(state)
            if outputs.frames and outputs.save_every and state.total_step % outputs.save_every == 0:
                number = state.total_step // outputs.save_every
                try:
                    outputs.frames.mkdir(exist_ok=True)
                    write_picture(state.result(), outputs.frames / f"{number:06}.png")
                except OSError as error:  # a full disk may have space again for the result
                    report.say(f"no more frames: {one_line(error)}")
                    outputs = replace(outputs, frames=None)
            if ctrl_c.pressed or state.total_step == stop_at:
                break
        ctrl_c.ignore()
    except KeyboardInterrupt:
        if state is None:
            raise
    assert state is not None  # n_iter is at least 1
    return state, losses


def _plot(losses: list[tuple[int, float]], n_scales: int, path: Path) -> None:
    from texot.cli.plot import draw_losses
    from texot.files.exemplar import read_exemplar
    from texot.files.write import write_image

    write_image(read_exemplar(draw_losses(losses, n_scales)).pixels, path)
