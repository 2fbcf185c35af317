"""texot in Krita: Tools > Scripts > texot. An installed texot does the work in a process of its own."""

from krita import Extension, Krita
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QInputDialog, QMessageBox, QProgressDialog

from . import jobs
from . import texot_client as client

_INTERVAL = 100  # milliseconds between two looks at the work


class TexotExtension(Extension):
    """The entries of the menu."""

    def __init__(self, parent):
        super().__init__(parent)
        self.work = None

    def setup(self):
        """Called by Krita."""

    def createActions(self, window):
        """Called by Krita for each window."""
        for kind, label in jobs.KINDS.items():
            action = window.createAction("texot_" + kind, "texot: " + label, "tools/scripts")
            action.triggered.connect(lambda _=False, kind=kind: self.start(kind))
        action = window.createAction("texot_path", "texot: Where texot is...", "tools/scripts")
        action.triggered.connect(lambda _=False: self.ask_path())

    def ask_path(self):
        """Ask for the path of texot, of a Python that has it, or of a virtual environment."""
        text = "Path of texot, of a Python that has it, or of a virtual environment; empty: search the PATH"
        path, good = QInputDialog.getText(None, "texot", text, text=self.path())
        if good:
            Krita.instance().writeSetting("texot", "path", path)

    @staticmethod
    def path():
        """The path that was set, or ""."""
        return Krita.instance().readSetting("texot", "path", "")

    def start(self, kind):
        """Start a job; Krita stays usable."""
        if self.work is not None:
            return self.tell("texot is at work: stop it first")
        document = Krita.instance().activeDocument()
        try:
            texot, _ = client.find_texot(self.path())
            self.work = jobs.Work(texot, kind, document, document.activeNode() if document else None)
        except (jobs.Refused, client.NotFound, OSError) as error:
            return self.tell(str(error))
        self.dialog = QProgressDialog("texot", "Stop", 0, 100)
        self.dialog.setAutoReset(False)
        self.dialog.canceled.connect(self.work.job.cancel)
        self.timer = QTimer()
        self.timer.timeout.connect(self.look)
        self.timer.start(_INTERVAL)

    def look(self):
        """Follow the job, and take its result at its end."""
        job = self.work.job
        if job.poll():
            self.dialog.setValue(round(100 * job.share))
            self.dialog.setLabelText("texot: " + job.progress_text())
            return
        self.timer.stop()
        self.dialog.close()
        work, self.work = self.work, None
        try:
            work.finish()
        except jobs.Refused as error:
            self.tell(str(error))

    @staticmethod
    def tell(text):
        """Show a message."""
        QMessageBox.warning(None, "texot", text)


Krita.instance().addExtension(TexotExtension(Krita.instance()))
