"""Run an installed texot from another program: find it, start it without waiting, follow it, stop it.

Standard library only, Python 3.8 or later, no torch. `docs/calling.md` describes the protocol. This file is
copied into every plug-in by `python plugins/build.py`; change the one in `plugins/shared`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

PROTOCOL = 1  # of docs/calling.md, which this client speaks


class NotFound(Exception):
    """No texot that this client can use; the text says what to do."""


def find_texot(setting="", search_path=None, timeout=60):
    """The command that runs texot.

    Args:
        setting: a path from the user's settings: of `texot`, of a Python that has it, or of the folder of
            a virtual environment. Empty: look on the PATH, then for `python -m texot`.
        search_path: in the place of the PATH.
        timeout: seconds that one answer may take.

    Returns:
        A pair: the command as a list of words, and the handshake, see `docs/calling.md`.

    Raises:
        NotFound: there is none, or one of another protocol.
    """
    wrong = []
    for command in _candidates(setting, search_path):
        answer = _handshake(command, timeout)
        if answer is None:
            wrong.append(command[0])
        elif answer["protocol"] != PROTOCOL:
            raise NotFound(
                f"{command[0]} is texot {answer['texot']} of protocol {answer['protocol']}, "
                f"this plug-in needs {PROTOCOL}: update both"
            )
        else:
            return command, answer
    where = "the PATH" if not setting else repr(setting)
    tried = f" (tried {', '.join(wrong)})" if wrong else ""
    raise NotFound(
        f"no texot on {where}{tried}: install it (pip install texot), or set its path in the settings"
    )


def _candidates(setting, search_path):
    """Commands to try, in order. A setting is the only one."""
    if setting:
        path = os.path.abspath(os.path.expanduser(setting))
        if os.path.isdir(path):
            folder = os.path.join(path, "Scripts" if os.name == "nt" else "bin")
            yield [os.path.join(folder, "texot.exe" if os.name == "nt" else "texot")]
        elif os.path.basename(path).lower().startswith("python"):
            yield [path, "-m", "texot"]
        else:
            yield [path]
        return
    found = shutil.which("texot", path=search_path)
    if found:
        yield [os.path.abspath(found)]
    for name in ("python3", "python", "py"):
        found = shutil.which(name, path=search_path)
        if found:
            yield [os.path.abspath(found), "-m", "texot"]


def _handshake(command, timeout):
    """The answer of `texot --version --json`; None if it is not texot that answers."""
    try:
        done = subprocess.run(
            [*command, "--version", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            timeout=timeout,
            **_no_window(),
        )
        answer = json.loads(done.stdout.decode("utf-8"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return answer if isinstance(answer, dict) and "texot" in answer and "protocol" in answer else None


def environment():
    """Ours, without what a host sets for the Python in itself or for its own libraries."""
    hidden = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONNOUSERSITE", "LD_PRELOAD")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _no_window():
    """No console window on Windows."""
    return {"creationflags": 0x08000000} if os.name == "nt" else {}


def argument(path):
    """A file name as an argument that is never taken for an option or for standard input."""
    return os.path.abspath(os.fspath(path))


def options(given):
    """Options of a command as words: `{"n_iter": 3, "flatten": True}` is `["--n-iter=3", "--flatten"]`.

    None and False are left out. A value is part of its word, so that one with a hyphen in front is no option.
    """
    words = []
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words.append(f"{flag}={value}")
    return words


class Job:
    """A command of texot that is running in a process of its own.

    Call `poll` from time to time, for example from a timer. Nothing here waits.

    Args:
        texot: command of `find_texot`.
        words: command and arguments, such as `["tile", argument(photo), "-o", argument(result)]`.
        preview: whether to ask for previews, which not every command has.

    Attributes:
        share: of the work that is done, from 0 to 1.
        seconds_left: estimate, or None.
        preview: path of the newest preview, or None.
        notes: what texot said.
        error: message of a failed command, or "".
        state: "running", "done", "failed" or "stopped".
        outputs: files that texot wrote.
    """

    def __init__(self, texot, words, preview=False):
        self.share, self.seconds_left, self.preview = 0.0, None, None
        self.notes, self.outputs, self.error, self.state = [], [], "", "running"
        self._folder = tempfile.mkdtemp(prefix="texot-")
        self._stop = os.path.join(self._folder, "stop")
        self._lock, self._lines = threading.Lock(), []
        line = list(texot) + list(words) + ["--progress=json", "--cancel-file=" + self._stop]
        if preview:
            line.append("--preview-file=" + os.path.join(self._folder, "preview.png"))
        try:
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
                **_no_window(),
            )
        except OSError as error:
            self._process, self.state, self.error = None, "failed", str(error)
            return
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        """Collect lines: a pipe that nobody reads would lose them."""
        with self._process.stderr as stream:
            for line in stream:
                with self._lock:
                    self._lines.append(line)

    def poll(self):
        """Take in what texot has written since the last call.

        Returns:
            True while the command runs.
        """
        if self.state != "running":
            return False
        code = self._process.poll()
        if code is not None:
            self._reader.join(5)
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            self._take(line)
        if code is None:
            return True
        if code == 0:
            self.state, self.share = "done", 1.0
        elif self.state == "running":
            stopped = os.path.exists(self._stop)
            self.state = "stopped" if stopped else "failed"
            self.error = self.error or ("" if stopped else f"texot ended with code {code}")
        return False

    def _take(self, line):
        try:
            event = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            return  # of a library
        if not isinstance(event, dict):
            return
        kind = event.get("event")
        if kind == "step":
            self.share = event.get("share") or self.share
            self.seconds_left = event.get("seconds_left")
            self.preview = event.get("preview") or self.preview
        elif kind == "note":
            self.notes.append(event.get("message", ""))
        elif kind == "done":
            self.outputs.append(event.get("output", ""))
        elif kind == "error":
            self.error = event.get("message", "")

    def cancel(self):
        """Ask texot to stop; it saves the work so far. `poll` tells when it has ended."""
        if self.state == "running":
            with open(self._stop, "w"):
                pass

    def close(self):
        """Stop at once if it still runs, and remove the temporary files of this job, previews too."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self.state = "stopped"
        if self._process is not None:
            self._reader.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def progress_text(self):
        """A line for people, such as "37 %, 12 s left"."""
        text = f"{round(100 * self.share)} %"
        return text if self.seconds_left is None else f"{text}, {round(self.seconds_left)} s left"


if __name__ == "__main__":
    print(*find_texot(sys.argv[1] if len(sys.argv) > 1 else ""))
