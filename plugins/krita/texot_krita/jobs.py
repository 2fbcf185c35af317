"""Layers of Krita to files, command lines of texot, and results to layers. Imports PyQt5, and not Krita."""

import os
import shutil
import tempfile

from PyQt5.QtGui import QImage

from . import texot_client as client

KINDS = {"fill": "Fill selection", "tile": "Make layer tile", "larger": "Synthesise to new layer"}


class Refused(Exception):
    """Something that cannot be done with this document; the text says why."""


def check(document, node, kind):
    """Refuse what the plug-in cannot do.

    Raises:
        Refused: no layer of 8 bits with colours is active, or nothing is selected.
    """
    if document is None or node is None:
        raise Refused("open an image and choose a layer")
    if node.colorModel() != "RGBA" or node.colorDepth() != "U8":
        raise Refused("the layer has to be RGB of 8 bits: convert the image first")
    if kind == "fill" and document.selection() is None:
        raise Refused("select the part to fill first")


def write_layer(node, size, path):
    """Write the pixels of a layer in the image's bounds to a PNG."""
    width, height = size
    data = bytes(node.pixelData(0, 0, width, height))
    # Krita's bytes are blue, green, red, alpha: those of ARGB32 on processors that are little-endian
    if not QImage(data, width, height, 4 * width, QImage.Format_ARGB32).save(path, "PNG"):
        raise Refused(f"cannot write {path!r}")


def write_mask(selection, size, path):
    """Write a selection as a mask: white is selected."""
    width, height = size
    data = bytes(selection.pixelData(0, 0, width, height))
    if not any(data):
        raise Refused("the selection is empty")
    if not QImage(data, width, height, width, QImage.Format_Grayscale8).save(path, "PNG"):
        raise Refused(f"cannot write {path!r}")


def read_pixels(path):
    """Width, height and bytes of a picture in Krita's order."""
    image = QImage(path).convertToFormat(QImage.Format_ARGB32)
    if image.isNull():
        raise Refused(f"cannot read {path!r}")
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    return image.width(), image.height(), bytes(bits)


class Work:
    """A command of texot on a layer; `job` is that of `texot_client`.

    Args:
        texot: command of `find_texot`.
        kind: of `KINDS`.
        document, node: Krita's document and layer.
        options: options of the command.

    Raises:
        Refused: see `check`.
    """

    def __init__(self, texot, kind, document, node, options=None):
        check(document, node, kind)
        self.kind, self.document, self.name = kind, document, node.name()
        self.folder = tempfile.mkdtemp(prefix="texot-krita-")
        try:
            size = document.width(), document.height()
            source, self.result = (os.path.join(self.folder, name) for name in ("source.png", "result.png"))
            write_layer(node, size, source)
            words = {"fill": ["inpaint", source], "tile": ["tile", source], "larger": ["synthesize", source]}[
                kind
            ]
            if kind == "fill":
                mask = os.path.join(self.folder, "mask.png")
                write_mask(document.selection(), size, mask)
                words += [mask, "--alpha=ignore"]
            self.job = client.Job(texot, [*words, "-o", self.result, *client.options(options or {})])
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def finish(self):
        """Put the result into a new layer above all others; one step of undo.

        Returns:
            The layer, or None if texot was stopped before there was an image.

        Raises:
            Refused: texot failed.
        """
        try:
            if self.job.state == "failed":
                raise Refused(self.job.error)
            if not os.path.exists(self.result):
                return None
            width, height, data = read_pixels(self.result)
            layer = self.document.createNode(f"{self.name} - {KINDS[self.kind].lower()}", "paintlayer")
            self.document.rootNode().addChildNode(layer, None)
            layer.setPixelData(data, 0, 0, width, height)
            self.document.refreshProjection()
            return layer
        finally:
            self.close()

    def close(self):
        """Stop what still runs and remove the files."""
        self.job.close()
        shutil.rmtree(self.folder, ignore_errors=True)
