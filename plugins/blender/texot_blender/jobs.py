"""What the operators do besides Blender's interface: images to files, command lines, results to images."""

import os
import tempfile

import bpy

from . import texot_client as client

ROLES = {
    "Base Color": "basecolor",
    "Metallic": "metallic",
    "Roughness": "roughness",
    "Normal": "normal",
    "Alpha": "opacity",
    "Emission": "emissive",
    "Emission Color": "emissive",
}
"""Inputs of the Principled BSDF, and texot's roles of maps."""
FLOATS = ".exr"


def save_copy(image, path):
    """Write the pixels of an image as they are, also if it is packed, generated or painted on.

    Args:
        image: `bpy.types.Image`.
        path: file without suffix.

    Returns:
        The path of the file, a PNG, or an OpenEXR of an image of floats.

    Raises:
        RuntimeError: the image has no pixels.
    """
    if not image.size[0] or not image.size[1]:
        raise RuntimeError(f"the image {image.name!r} has no pixels: load or generate it first")
    path += FLOATS if image.is_float else ".png"
    _write(_pixels(image), image, path)
    return path


def _write(values, like, path):
    """Write values (n, 4), without alpha if it is 1 everywhere, in the size and depth of an image."""
    alpha = bool((values[:, 3] < 1).any())
    copy = bpy.data.images.new("texot", *like.size, alpha=alpha, float_buffer=path.endswith(FLOATS))
    try:
        copy.file_format = "OPEN_EXR" if path.endswith(FLOATS) else "PNG"
        copy.filepath_raw = path
        copy.pixels.foreach_set(values.ravel())
        copy.save()
    finally:
        bpy.data.images.remove(copy)


def _pixels(image):
    """The values of an image, (n, 4) float32, as they are stored."""
    import numpy

    values = numpy.empty(image.size[0] * image.size[1] * image.channels, numpy.float32)
    image.pixels.foreach_get(values)
    values = values.reshape(-1, image.channels)
    if image.channels == 4:
        return values
    full = numpy.ones((len(values), 4), numpy.float32)
    full[:, :3] = values[:, :3] if image.channels == 3 else values[:, :1]
    return full


def save_mask(image, path):
    """Write the mask of an image that is painted on: white where its alpha is below one half.

    Raises:
        RuntimeError: nothing is to be filled.
    """
    values = _pixels(image)
    hole = values[:, 3] < 0.5
    if not hole.any() or hole.all():
        raise RuntimeError(
            "erase the alpha of the part to fill: paint with the blending mode Erase Alpha, on an image "
            "with alpha"
        )
    values[:] = 1
    values[:, :3] = hole[:, None]
    _write(values, image, path)
    return path


def load_result(path, like, name):
    """A file as a new, packed image with the colour space of another one."""
    image = bpy.data.images.load(path, check_existing=False)
    image.name = name
    image.colorspace_settings.name = like.colorspace_settings.name
    image.pack()
    return image


def textures_of(node, tree):
    """Images by role of the textures that lead to a Principled BSDF.

    Args:
        node: a Principled BSDF, or an image texture that leads to one.
        tree: node tree of both.

    Returns:
        A dictionary of role to image texture node; empty if there is none.
    """
    shaders = [node] if node.type == "BSDF_PRINCIPLED" else []
    if not shaders:
        shaders = [n for n in tree.nodes if n.type == "BSDF_PRINCIPLED" and _reaches(node, n)]
    found = {}
    for shader in shaders[:1]:
        for socket in shader.inputs:
            role = ROLES.get(socket.name)
            texture = _texture_behind(socket)
            if role and texture is not None and role not in found:
                found[role] = texture
    return found


def _texture_behind(socket, depth=4):
    """The image texture that a socket gets its value from, through a few nodes such as Normal Map."""
    for link in socket.links:
        node = link.from_node
        if node.type == "TEX_IMAGE":
            return node if node.image is not None else None
        for behind in node.inputs if depth else ():
            found = _texture_behind(behind, depth - 1)
            if found is not None:
                return found
    return None


def _reaches(node, shader):
    return any(_texture_behind(socket) == node for socket in shader.inputs)


class Work:
    """A command of texot on images of Blender.

    Args:
        texot: command of `find_texot`.
        kind: "TILE", "LARGER", "FILL" or "MATERIAL".
        images: the image by "image", or images by role.
        size: of "LARGER" and "MATERIAL", such as "2x" or "1024x1024"; or "".
        seed: random seed.
        quality: "draft", "normal" or "high".
    """

    def __init__(self, texot, kind, images, size="", seed=0, quality="normal"):
        self.kind, self.images = kind, dict(images)
        self.folder = tempfile.mkdtemp(prefix="texot-blender-")
        try:
            words = self._words(size, seed, quality)
        except Exception:
            self._remove()
            raise
        self.job = client.Job(texot, words)

    def _words(self, size, seed, quality):
        common = client.options({"seed": seed, "quality": quality})
        source = os.path.join(self.folder, "source")
        self._result = os.path.join(self.folder, "result")
        if self.kind == "MATERIAL":
            os.mkdir(source)
            for role, image in self.images.items():
                save_copy(image, os.path.join(source, "map_" + role))
            command = ["synthesize"] if size else ["tile"]
            return [*command, source, "-o", self._result, *common, *client.options({"size": size or None})]
        (image,) = self.images.values()
        path = save_copy(image, source)
        self._result += os.path.splitext(path)[1]
        end = ["-o", self._result, *common]
        if self.kind == "FILL":
            mask = save_mask(image, os.path.join(self.folder, "mask.png"))
            return ["inpaint", path, mask, *end, "--alpha=ignore"]
        if self.kind == "TILE":
            return ["tile", path, *end]
        return ["synthesize", path, *end, *client.options({"size": size or "2x"})]

    def results(self):
        """New images by the keys of `images`, after the job is done or was stopped with something to keep."""
        found = {}
        for key, image in self.images.items():
            path = self._result
            if self.kind == "MATERIAL":
                suffix = FLOATS if image.is_float else ".png"
                path = os.path.join(self._result, "map_" + key + suffix)
            if os.path.exists(path):
                stem, dot, suffix = image.name.rpartition(".")
                name = stem if dot and len(suffix) <= 4 and suffix.isalpha() else image.name
                found[key] = load_result(path, image, name + "-" + self.kind.lower())
        return found

    def close(self):
        """Stop what still runs and remove the files."""
        self.job.close()
        self._remove()

    def _remove(self):
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)


def rewire(nodes, results):
    """Let image texture nodes show the results.

    Args:
        nodes: texture nodes by key.
        results: images by the same keys.
    """
    for key, image in results.items():
        if key in nodes:
            nodes[key].image = image


def new_material(material, textures, results, tree_nodes):
    """A copy of a material whose textures show the results.

    Args:
        material: `bpy.types.Material`.
        textures: names of texture nodes by role.
        results: images by role.
        tree_nodes: a function of a material that gives its nodes.
    """
    copy = material.copy()
    copy.name = material.name + "-texot"
    nodes = tree_nodes(copy)
    rewire({role: nodes[name] for role, name in textures.items()}, results)
    return copy
