"""Runs in `kritarunner`, see `test_krita.py`: a real Krita's documents and layers, without its window."""

import json
import os
import sys
import time
from pathlib import Path

from krita import Krita


def checked(what):
    with Path(os.environ["TEXOT_TEST_FOLDER"], "checked.txt").open("a") as log:
        log.write(what + "\n")


def main():
    sys.path.insert(0, os.environ["TEXOT_PLUGINS"])
    import importlib

    package = type(sys)("texot_krita")  # without __init__, which wants a window
    package.__path__ = [os.path.join(os.environ["TEXOT_PLUGINS"], "texot_krita")]
    sys.modules["texot_krita"] = package
    jobs = importlib.import_module("texot_krita.jobs")
    client = importlib.import_module("texot_krita.texot_client")
    checked("imported")
    krita, odd = Krita.instance(), json.loads(os.environ["TEXOT_ODD"])
    document = krita.createDocument(32, 24, odd[3], "RGBA", "U8", "", 72.0)
    layer = document.createNode(odd[2], "paintlayer")
    document.rootNode().addChildNode(layer, None)
    data = bytes((37 * k * k + 11 * (k // 32)) % 256 if k % 4 < 3 else 255 for k in range(4 * 32 * 24))
    layer.setPixelData(data, 0, 0, 32, 24)
    document.setActiveNode(layer)
    document.waitForDone()
    checked("document")
    texot, _ = client.find_texot()
    for name, kind in zip(odd[:3], ("tile", "larger", "fill"), strict=True):
        layer.setName(name)
        if kind == "fill":
            from krita import Selection

            selection = Selection()
            selection.select(10, 8, 8, 6, 255)
            document.setSelection(selection)
        work = jobs.Work(texot, kind, document, layer, {"quality": "draft"})
        while work.job.poll():
            time.sleep(0.05)
        made = work.finish()
        assert made is not None, work.job.error
        document.waitForDone()
        out = bytes(made.pixelData(0, 0, 32, 24))
        assert len(set(out)) > 20
        assert set(out[3::4]) == {255}
        if kind == "fill":
            same = [out[k : k + 4] == data[k : k + 4] for k in range(0, len(out), 4)]
            assert all(
                same[32 * y + x] for y in range(24) for x in range(32) if not (10 <= x < 18 and 8 <= y < 14)
            )
            assert not all(same)
        checked(kind)


def __main__(arguments):
    try:
        main()
    except BaseException as error:
        import traceback

        checked("failed: " + "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        raise


if __name__ == "__main__":
    __main__([])
