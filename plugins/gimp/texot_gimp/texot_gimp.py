#!/usr/bin/env python3
"""texot in GIMP 3: Filters > Map > texot. An installed texot does the work in a process of its own."""

import os
import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import jobs  # noqa: E402
import texot_client as client  # noqa: E402

PATH_FILE = "texot-path.txt"
"""File in GIMP's folder with the path of texot, of a Python that has it, or of a virtual environment."""


class Host:
    """GIMP's calls for `jobs.run`."""

    def __init__(self, image, layer):
        self.image, self.layer = image, layer

    def save_layer(self, path):
        """Write the layer, in the bounds of the image."""
        copy = self.image.duplicate()
        try:
            for layer in copy.get_layers():
                layer.set_visible(layer.get_name() == self.layer.get_name())
            copy.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
            Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(path), None)
        finally:
            copy.delete()

    def save_selection(self, path):
        """Write the selection as a mask; False if nothing is selected."""
        if Gimp.Selection.is_empty(self.image):
            return False
        mask = Gimp.Image.new(self.image.get_width(), self.image.get_height(), Gimp.ImageBaseType.GRAY)
        try:
            layer = Gimp.Layer.new_from_drawable(self.image.get_selection(), mask)
            mask.insert_layer(layer, None, 0)
            mask.flatten()
            Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, mask, Gio.File.new_for_path(path), None)
        finally:
            mask.delete()
        return True

    def show_layer(self, path, name):
        """Add a file as a new layer: one step of undo."""
        self.image.undo_group_start()
        layer = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, self.image, Gio.File.new_for_path(path))
        layer.set_name(name)
        self.image.insert_layer(layer, None, 0)
        self.image.undo_group_end()
        Gimp.displays_flush()

    def show_image(self, path):
        """Open a file as a new image."""
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
        Gimp.Display.new(image)

    def progress(self, share, text):
        """Show the progress."""
        Gimp.progress_set_text(text)
        Gimp.progress_update(share)


def setting():
    """The path in the file of the settings, or ""."""
    try:
        with open(os.path.join(Gimp.directory(), PATH_FILE), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


class Texot(Gimp.PlugIn):
    """The plug-in."""

    def do_query_procedures(self):
        """Names of the procedures."""
        return ["plug-in-texot-" + kind for kind in jobs.KINDS]

    def do_create_procedure(self, name):
        """A procedure with its place in the menus."""
        kind = name.rpartition("-")[2]
        made = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, kind)
        made.set_image_types("RGB*, GRAY*")
        made.set_menu_label(jobs.KINDS[kind])
        made.add_menu_path("<Image>/Filters/Map/texot")
        made.set_documentation(jobs.KINDS[kind], "With the image's own texture, by an installed texot", name)
        made.set_attribution("The texot maintainers", "The texot maintainers", "2026")
        return made

    def run(self, procedure, run_mode, image, drawables, config, kind):
        """Run a job on the first of the chosen layers."""
        Gimp.progress_init("texot")
        try:
            texot, _ = client.find_texot(setting())
            jobs.run(kind, Host(image, drawables[0]), texot)
        except (jobs.Failed, client.NotFound, OSError) as error:
            wrong = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(error), 0)
            return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, wrong)
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


Gimp.main(Texot.__gtype__, sys.argv)
