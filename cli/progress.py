"""Progress on stderr: a bar, one JSON object per line, or nothing.

A reporter is a context around the work. It also shows the library's log, and reports an error in its own
format: a program that reads JSON gets JSON to the end.
"""

import logging
import math
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from texot.cli.calling import PROTOCOL, CancelFile, Picture, Preview, shown
from texot.cli.errors import Interrupted, error_event, exit_code, json_line
from texot.cli.files import check_apart
from texot.errors import OutputError, printable

if TYPE_CHECKING:
    from texot import State

_LOG = logging.getLogger("texot")
JSON_INTERVAL = 0.2  # seconds between two step events of one stage
_WORTH_A_BAR = 1.0  # seconds: shorter work shows no bar


class Quiet:
    """Shows nothing; base class of the other reporters.

    Args:
        cancel: stops the work, see `--cancel-file`.
        preview: shows the image so far, see `--preview-file`.

    Attributes:
        images: number of images that the command makes.
        picture: the image of a state that a preview shows.
    """

    def __init__(self, cancel: CancelFile | None = None, preview: Preview | None = None) -> None:
        self.cancel, self._preview = cancel or CancelFile(None), preview or Preview(None)
        self.images = 1
        self.picture: Picture = shown

    def __enter__(self) -> "Quiet":
        self.cancel.__enter__()
        self.log = _Forward(self)
        self.level = _LOG.level
        _LOG.addHandler(self.log)
        _LOG.setLevel(logging.INFO)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cancel.__exit__(kind, error, trace)
        _LOG.removeHandler(self.log)
        _LOG.setLevel(self.level)
        self.close()

    def start(self, **facts: Any) -> None:
        """One image begins: its output, exemplar, size and seed."""

    def step(self, state: "State") -> None:
        """One step is done."""
        self.preview(state)

    def preview(self, state: "State") -> Path | None:
        """Write the preview of a step; the file, if it was written."""
        try:
            return self._preview.write(state, self.picture)
        except OutputError as error:  # a full disk must not end the work
            self.say(f"no more previews: {error}")
            return None

    def part(self, done: int, total: int, seconds: float) -> None:
        """Part of an image's pixels is done: number done, total, seconds."""

    def overall(self, share: float, done: int, total: int, seconds: float, *, what: str) -> None:
        """Share of all items of a batch or an evaluation, items that have ended, their number, seconds."""

    def item(self, **facts: Any) -> None:
        """One item of a batch has ended: item, state, message, seconds."""

    def done(self, **facts: Any) -> None:
        """One image is written: output (None: figures on stdout), seconds and, if there is one, loss."""

    def say(self, line: str) -> None:
        """A note for the user that is not an error."""

    def close(self) -> None:
        """Restore the terminal."""


class Bar(Quiet):
    """A tqdm bar; if stderr is not a terminal, one line per scale."""

    bar: "tqdm[None] | None" = None

    def step(self, state: "State") -> None:
        """Move the bar; the remaining time is the library's estimate, since finer scales are slower."""
        super().step(state)
        place = f"scale {state.n_scales - state.scale} of {state.n_scales}"
        if not sys.stderr.isatty():
            if state.step == state.stage_steps:
                print(f"{place}: loss {state.loss:.4g} after {state.seconds:.1f} s", file=sys.stderr)
            return
        bar = self._opened(state.total_steps, "{n_fmt}/{total_fmt}{postfix}")
        bar.set_description(place, refresh=False)
        bar.set_postfix_str(f"loss {state.loss:.4g}, {_clock(state.seconds_left)} left", refresh=False)
        bar.update(state.total_step - bar.n)

    def part(self, done: int, total: int, seconds: float) -> None:
        """Move the bar, if stderr is a terminal and the work takes seconds."""
        left = seconds * (total / done - 1)
        if not sys.stderr.isatty() or (self.bar is None and seconds + left < _WORTH_A_BAR):
            return
        bar = self._opened(total, "{percentage:.0f}%{postfix}")
        bar.set_description("sample", refresh=False)
        bar.set_postfix_str(f"{done / 1e6 / seconds:.1f} megapixels/s, {_clock(left)} left", refresh=False)
        bar.update(done - bar.n)

    def overall(self, share: float, done: int, total: int, seconds: float, *, what: str) -> None:
        """Move the bar, if stderr is a terminal."""
        if sys.stderr.isatty():
            bar = self._opened(1000, f"{{percentage:.0f}}% of {total} items{{postfix}}")
            left = seconds * (1 / share - 1) if share else math.inf
            bar.set_description(what, refresh=False)
            bar.set_postfix_str(f"{done} done, {_clock(left)} left", refresh=False)
            bar.update(round(1000 * share) - bar.n)

    def item(self, **facts: Any) -> None:
        """Report an item that failed, and without a terminal every item."""
        if facts["state"] != "done":
            self.say(f"{facts['item']}: {facts['state']}: {facts['message']}")
        elif not sys.stderr.isatty():
            self.say(f"{facts['item']}: done ({facts['seconds']:.1f} s)")

    def _opened(self, total: int, figures: str) -> "tqdm[None]":
        if self.bar is None:
            sized = _has_size()
            self.bar = tqdm(
                total=total,
                leave=False,
                dynamic_ncols=sized,
                ncols=None if sized else 80,
                nrows=None if sized else 24,
                bar_format="{desc}|{bar}| " + figures,
            )
        return self.bar

    def done(self, **facts: Any) -> None:
        """Close the bar and report the written file in one line."""
        self.close()
        if not facts["interrupted"] and facts["output"] is not None:
            loss = f"loss {facts['loss']:.4g}, " if "loss" in facts else ""
            self.say(f"wrote {facts['output']} ({loss}{facts['seconds']:.1f} s)")

    def say(self, line: str) -> None:
        """Print above the bar."""
        tqdm.write(f"texot: {printable(line)}", file=sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class Json(Quiet):
    """One JSON object per line: start, step, note, done, interrupted and error events: docs/calling.md."""

    last = -math.inf
    image = 0  # number of the image, from 1
    share = 0.0  # of the work of all images that is done
    ended = 0  # items of a batch

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Report an error as an event and exit with its exit code."""
        super().__exit__(kind, error, trace)
        error = Interrupted.of(error) if isinstance(error, KeyboardInterrupt) else error
        if isinstance(error, Exception) and not isinstance(error, click.exceptions.Exit):
            self._print(error_event(error))
            raise click.exceptions.Exit(exit_code(error)) from error

    def start(self, **facts: Any) -> None:
        """Emit the start event."""
        self.last = -math.inf
        self.image += 1
        self._event(
            "start", protocol=PROTOCOL, **facts, image=self.image, images=max(self.images, self.image)
        )

    def step(self, state: "State") -> None:
        """Emit step events, a few per second and the last one of each stage."""
        preview = self.preview(state)
        now = time.monotonic()
        if now - self.last < JSON_INTERVAL and state.step != state.stage_steps and preview is None:
            return
        self.last = now
        names = "scale n_scales step stage_steps total_step total_steps loss marginal_error seconds"
        facts = {name: getattr(state, name) for name in names.split()}
        self._step(facts, state.seconds_left, {} if preview is None else {"preview": preview})

    def part(self, done: int, total: int, seconds: float) -> None:
        """Emit step events with pixels as steps, a few per second and the last one."""
        now = time.monotonic()
        if now - self.last < JSON_INTERVAL and done != total:
            return
        self.last = now
        self._step(
            {"total_step": done, "total_steps": total, "seconds": seconds}, seconds * (total / done - 1)
        )

    def _step(self, facts: dict[str, Any], left: float, more: dict[str, Any] | None = None) -> None:
        """A step event; share and remaining time are of all images, as if they took the time of this one.

        Finer scales are slower, so that the share of an image is one of its time, if that is known.
        """
        seconds, further = facts["seconds"], max(0, self.images - self.image)
        timed = math.isfinite(left) and seconds + left > 0
        own = seconds / (seconds + left) if timed else facts["total_step"] / facts["total_steps"]
        own = 1.0 if facts["total_step"] == facts["total_steps"] else min(own, 0.999)
        self.share = max(self.share, (self.image - 1 + own) / max(self.images, self.image, 1))
        left += further * (seconds + left)
        self._event("step", share=round(self.share, 4), seconds_left=left, **facts, **(more or {}))

    def overall(self, share: float, done: int, total: int, seconds: float, *, what: str) -> None:
        """Emit step events with items as steps, a few per second and as items end."""
        now = time.monotonic()
        if now - self.last < JSON_INTERVAL and done == self.ended:
            return
        self.last, self.ended, self.share = now, done, max(self.share, share)
        left = seconds * (1 / share - 1) if share else math.nan
        facts = {"total_step": done, "total_steps": total, "seconds": seconds}
        self._event("step", share=round(self.share, 4), seconds_left=left, **facts)

    def item(self, **facts: Any) -> None:
        """Emit an item event."""
        self._event("item", **facts)

    def done(self, **facts: Any) -> None:
        """Emit the done event."""
        self._event("done", **facts)

    def say(self, line: str) -> None:
        """Emit a note event."""
        self._event("note", message=line)

    def _event(self, event: str, **facts: Any) -> None:
        self._print({"event": event, **facts})

    @staticmethod
    def _print(event: dict[str, Any]) -> None:
        print(json_line(event), file=sys.stderr, flush=True)


def reporter(progress: str, quiet: bool) -> Quiet:
    """The reporter for --progress, --quiet, --cancel-file and --preview-file.

    Raises:
        click.UsageError: the preview is an input or output of the command.
        OutputError: the preview cannot be written.
    """
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    cancel, preview = (meta.get(f"texot.{name}") for name in ("cancel_file", "preview_file"))
    if context is not None and preview is not None:
        _check_preview(preview, context)
    kind = Quiet if quiet else Json if progress == "json" else Bar
    return kind(CancelFile(cancel), Preview(preview))


def _check_preview(path: Path, context: click.Context) -> None:
    from texot.files.whole import check_target

    given = [part for value in context.params.values() for part in _parts(value) if isinstance(part, Path)]
    check_apart(given, [path])
    if path.suffix.lower() != ".png":
        raise OutputError(f"expected a PNG for --preview-file, got {str(path)!r}: name a file ending in .png")
    check_target(str(path))


def _parts(value: Any) -> list[Any]:
    """A parameter's value and, of a tuple, what it holds."""
    return [part for own in value for part in _parts(own)] if isinstance(value, tuple | list) else [value]


class _Forward(logging.Handler):
    """Passes log messages of the library to a reporter, each of them once."""

    def __init__(self, to: Quiet) -> None:
        super().__init__(logging.INFO)
        self.to = to
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = " ".join(record.getMessage().split())
        # 'texot doctor' reports which back end is used; a failed back end is a warning and shown
        picked = record.levelno < logging.WARNING and Path(record.pathname).parent.name == "kernels"
        if line not in self.said and not picked:
            self.said.add(line)
            self.to.say(line)


def _has_size() -> bool:
    """Whether stderr is a terminal with a known size; emulated or closed ones have none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:
        return False


def _clock(seconds: float) -> str:
    return tqdm.format_interval(round(seconds)) if math.isfinite(seconds) else "?"
