"""The worker process of the window: started when it is needed, and again after a crash."""

from __future__ import annotations

import sys
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QProcess, Signal
from PySide6.QtGui import QImage

from texot._version import __version__
from texot.desktop.protocol import Unpacker, pack

_WORKER = "import sys; sys.path[:] = {path!r}; from texot.desktop.worker import main; main()"
_FORMATS = {
    1: QImage.Format.Format_Grayscale8,
    3: QImage.Format.Format_RGB888,
    4: QImage.Format.Format_RGBA8888,
}


class WorkerClient(QObject):
    """Sends requests to the worker and signals its events.

    Attributes:
        received: (header, QImage) of an event, see `texot.desktop.worker`; a null image where it has none.
        ended: the worker has ended, or is of another version; the text says how.
        greeted: whether the worker has sent its version, which is this one.
    """

    received = Signal(object, object)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._process: QProcess | None = None
        self._closed = False
        self.greeted = False
        self._frames = Unpacker()

    def start(self) -> None:
        """Start the worker unless it runs, so that it loads torch early. Does nothing after `close`."""
        if self._process is not None or self._closed:
            return
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._process_ended)
        process.errorOccurred.connect(self._failed)
        self._process, self._frames, self.greeted = process, Unpacker(), False
        # not -m, which would import a texot in the current folder instead of this one
        process.start(sys.executable, ["-c", _WORKER.format(path=sys.path)])

    def ask(self, do: str, **facts: Any) -> int:
        """Send a request; returns its id."""
        self.start()
        self._number += 1
        self._write({"do": do, "id": self._number, **facts})
        return self._number

    def stop(self, number: int) -> None:
        """End a job after its current step."""
        if self._process is not None:
            self._write({"do": "stop", "id": number})

    def close(self) -> None:
        """End the worker now; it does not start again."""
        self._closed = True
        self._kill()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.waitForFinished(3000)

    @property
    def process_id(self) -> int:
        """Process id of the worker; 0 without one."""
        return 0 if self._process is None else int(self._process.processId())

    def _write(self, header: dict[str, Any]) -> None:
        if self._process is not None:
            self._process.write(QByteArray(pack(header)))

    def _read(self) -> None:
        if self._process is None:
            return
        data = bytes(self._process.readAllStandardOutput().data())
        try:
            self._emit_events(data)
        except ValueError:
            self._refuse("what was started is no worker of this texot")

    def _emit_events(self, data: bytes) -> None:
        """Emit the events in these bytes, if the worker is of this version."""
        for header, blob in self._frames.feed(data):
            if not self.greeted:
                found = header.get("version") if header["event"] == "hello" else "of another version"
                if found != __version__:
                    self._refuse(f"the worker is texot {found}, the window {__version__}")
                    return
                self.greeted = True
                continue
            image = QImage()
            if blob:
                (width, height), channels = header["size"], header["channels"]
                image = QImage(blob, width, height, width * channels, _FORMATS[channels]).copy()
            self.received.emit(header, image)

    def _refuse(self, why: str) -> None:
        self._kill()
        self.ended.emit(f"{why}: restart texot")

    def _process_ended(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return  # closed by `close`
        self._process = None
        how = "crashed" if status == QProcess.ExitStatus.CrashExit else f"ended with code {code}"
        self.ended.emit(f"the worker {how}; the window and all results are still here: try again")

    def _failed(self, error: QProcess.ProcessError) -> None:
        if self._process is not None and error == QProcess.ProcessError.FailedToStart:
            self._process = None
            self.ended.emit(f"the worker does not start: {sys.executable} cannot be run")
