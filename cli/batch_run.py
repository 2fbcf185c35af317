"""Run the items of `texot batch`, each as a process of its own: one that fails or crashes stops no other."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from texot.cli.batch_recipe import Item
from texot.cli.batch_records import Record, read_record, sizes, thumbnails
from texot.cli.progress import Quiet
from texot.errors import InputError

_POLL = 0.2  # seconds

OnShare = Callable[[str, float], None]
"""Called with an item's name and the share of it that is done."""


def plan(items: list[Item], out: Path, *, force: bool) -> tuple[dict[str, str], dict[str, Record]]:
    """Keys of the items to make, and records of those that are done and unchanged.

    The key of an item whose inputs cannot be read is empty: its command will say why.
    """
    todo: dict[str, str] = {}
    done: dict[str, Record] = {}
    for item in items:
        try:
            key = item.key()
        except InputError:
            key = ""
        record = read_record(out, item.name)
        if not force and record is not None and record.is_current(key, out):
            record.unchanged = True
            done[item.name] = record
        else:
            todo[item.name] = key
    return todo, done


class Runner:
    """Runs items in parallel.

    Args:
        out: output folder.
        jobs: number of processes.
        threads: threads of each process.
        report: reporter of progress.
    """

    def __init__(self, out: Path, jobs: int, threads: int, report: Quiet) -> None:
        self.out, self.jobs, self.threads, self.report = out, jobs, threads, report
        self._lock = threading.Lock()
        self._shares: dict[str, float] = {}

    def run(self, items: list[Item], keys: dict[str, str]) -> list[Record]:
        """Run items to their end; an interrupt stops all processes and lets them save their work.

        Records are stored as items end.

        Raises:
            KeyboardInterrupt: after all processes have ended.
        """
        records: list[Record] = []
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="texot-batch-") as folder:
            stop = Path(folder) / "stop"

            def follow(name: str, share: float) -> None:
                with self._lock:
                    self._shares[name] = share
                    ended = sum(one == 1 for one in self._shares.values())
                    whole = sum(self._shares.values()) / len(items)
                    self.report.overall(whole, ended, len(items), time.monotonic() - begun, what="batch")

            pool = ThreadPoolExecutor(self.jobs)
            try:
                waiting = {pool.submit(self._one, item, keys[item.name], stop, follow) for item in items}
                while waiting:  # not for long: on Windows nothing else lets an interrupt in
                    ended, waiting = wait(waiting, _POLL, FIRST_COMPLETED)
                    records += [future.result() for future in ended]
            except BaseException:
                stop.touch()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return records

    def _one(self, item: Item, key: str, stop: Path, follow: OnShare) -> Record:
        """Run one item and store its record."""
        item.output.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        event, written, code = _call(item, self.threads, stop, follow)
        outputs = [name for path in written if (name := _relative(path, self.out))]
        record = Record(item.name, "done", key, item.words(), seconds=time.monotonic() - begun)
        if code == 0:
            record.outputs = sizes(outputs, self.out)
            record.pictures = thumbnails(item, [self.out / name for name in outputs])
        else:
            record.state = "interrupted" if event.get("event") == "interrupted" or stop.exists() else "failed"
            record.message = str(event.get("message") or f"the process ended by itself, with code {code}")
            record.pictures = thumbnails(item, [])
        with self._lock:
            record.write(self.out)
            self.report.item(
                item=item.name, state=record.state, message=record.message, seconds=record.seconds
            )
        follow(item.name, 1.0)
        return record


def _relative(path: str, out: Path) -> str:
    try:
        return Path(path).relative_to(out.absolute()).as_posix()
    except ValueError:
        return ""


def _call(item: Item, threads: int, stop: Path, follow: OnShare) -> tuple[dict[str, Any], list[str], int]:
    """Run a command; its last event, the outputs that it named, and its exit code."""
    line = [sys.executable, "-m", "texot", *item.words()]
    if item.command not in ("apply", "preview"):
        line.append(f"--threads={threads}")
    line += ["--progress=json", f"--cancel-file={stop}"]
    event: dict[str, Any] = {}
    written: dict[str, None] = {}
    # a session of its own: Ctrl-C reaches this process, which stops the others by the file
    with subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for text in process.stderr:
            try:
                found = json.loads(text)
            except ValueError:
                continue  # of a C library
            kind = found.get("event") if isinstance(found, dict) else None
            if kind == "step":
                follow(item.name, min(float(found["share"]), 0.999))
            elif kind == "done":
                written[str(found["output"])] = None
            if kind in ("done", "error", "interrupted"):
                event = found
    if item.output.is_file() or item.output.is_dir():
        written[str(item.output)] = None  # an animation, whose frames have no files
    return event, [path for path in written if Path(path).exists()], process.returncode
