"""What the plug-in does besides GIMP's interface; `host` has the calls of GIMP. It does not import GIMP."""

import os
import shutil
import tempfile
import time

import texot_client as client

KINDS = {"heal": "Heal Selection", "tile": "Make Seamless", "larger": "Synthesise Larger"}
_INTERVAL = 0.1  # seconds between two looks at the work


class Failed(Exception):
    """texot could not do it; the text says why."""


def run(kind, host, texot, options=None):
    """Run a job on the active layer and show the result.

    GIMP runs plug-ins in processes of their own, so that this one may wait.

    Args:
        kind: of `KINDS`.
        host: has `save_layer(path)`, `save_selection(path)` (False if nothing is selected),
            `show_layer(path, name)`, `show_image(path)` and `progress(share, text)`.
        texot: command of `texot_client.find_texot`.
        options: options of the command.

    Raises:
        Failed: texot failed, or nothing is selected.
    """
    folder = tempfile.mkdtemp(prefix="texot-gimp-")
    source, mask, result = (os.path.join(folder, name + ".png") for name in ("source", "mask", "result"))
    try:
        if kind == "heal" and not host.save_selection(mask):
            raise Failed("select the part to heal first")
        host.save_layer(source)
        words = {
            "heal": ["inpaint", source, mask, "--alpha=ignore"],
            "tile": ["tile", source],
            "larger": ["synthesize", source, "--size=2x"],
        }[kind]
        job = client.Job(texot, [*words, "-o", result, *client.options(options or {})])
        try:
            while job.poll():
                host.progress(job.share, "texot: " + job.progress_text())
                time.sleep(_INTERVAL)
        finally:
            job.close()
        if job.state == "failed":
            raise Failed(job.error)
        if kind == "larger":
            host.show_image(result)
        else:
            host.show_layer(result, "texot: " + KINDS[kind])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
