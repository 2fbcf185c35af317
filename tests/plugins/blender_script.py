"""Runs in Blender, see `test_blender.py`; a failed assertion ends Blender with exit code 3."""

import os
import sys
import time
from pathlib import Path

import bpy
import numpy

sys.path.insert(0, os.environ["TEXOT_ADDONS"])
import texot_blender
from texot_blender import jobs

folder = Path(os.environ["TEXOT_TEST_FOLDER"])


def checked(what):
    print("checked:", what, flush=True)


def run(kind, **more):
    before = set(bpy.data.images)
    assert bpy.ops.texot.run(kind=kind, **more) == {"FINISHED"}
    return sorted(set(bpy.data.images) - before, key=lambda image: image.name)


def pixels(image):
    values = numpy.empty(image.size[0] * image.size[1] * image.channels, numpy.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], image.channels)


texot_blender.register()
settings = bpy.context.scene.texot
settings.quality = "draft"
checked("register")

odd = [bpy.data.images.load(str(path)) for path in sorted(folder.glob("*.png"))]
assert [image.name for image in odd] == [path.name for path in sorted(folder.glob("*.png"))]
image = odd[0]
(made,) = run("TILE", image=image.name)
assert tuple(made.size) == (32, 24)
assert made.packed_file
assert pixels(made).std() > 0.05
assert made.colorspace_settings.name == image.colorspace_settings.name
same = abs(pixels(made) - pixels(image))[10:14, 14:18, :3]
assert same.max() < 1 / 255, "pixels away from the edges stay"
checked("tile")

image = odd[1]
settings.size = "48x40"
material = bpy.data.materials.new("stone")
material.use_nodes = True
tree = material.node_tree
node = tree.nodes.new("ShaderNodeTexImage")
node.image = image
settings.rewire = True
(made,) = run("LARGER", image=image.name)
assert tuple(made.size) == (48, 40)
assert node.image == made, "the node shows the result"
node.image = image
settings.rewire = False
checked("larger")

painted = bpy.data.images.new(odd[2].name + "/painted", 32, 24, alpha=True)  # never saved
values = numpy.ones((24, 32, 4), numpy.float32)
values[..., :3] = pixels(image)[..., :3]
values[8:14, 10:18, 3] = 0
values[8:14, 10:18, :3] = 0
painted.pixels.foreach_set(values.ravel())
(made,) = run("FILL", image=painted.name)
filled = pixels(made)
assert filled[8:14, 10:18, :3].mean() > 0.2, "the hole has texture"
assert abs(filled[:7, :, :3] - values[:7, :, :3]).max() < 1 / 255, "other pixels stay"
checked("fill")

shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
rough = tree.nodes.new("ShaderNodeTexImage")
rough.image = bpy.data.images.new(odd[2].name + "/" + odd[2].name, 32, 24)
grey = numpy.repeat(pixels(image)[..., :1], 4, 2)
grey[..., 3] = 1
rough.image.pixels.foreach_set(grey.ravel())
rough.image.colorspace_settings.name = "Non-Color"
bump = tree.nodes.new("ShaderNodeTexImage")
bump.image = bpy.data.images.new("normals", 32, 24)
flat = numpy.tile(numpy.array([0.5, 0.5, 1, 1], numpy.float32), (24 * 32, 1))
bump.image.pixels.foreach_set(flat.ravel())
bump.image.colorspace_settings.name = "Non-Color"
to_normal = tree.nodes.new("ShaderNodeNormalMap")
tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
tree.links.new(rough.outputs["Color"], shader.inputs["Roughness"])
tree.links.new(bump.outputs["Color"], to_normal.inputs["Color"])
tree.links.new(to_normal.outputs["Normal"], shader.inputs["Normal"])
assert set(jobs.textures_of(shader, tree)) == {"basecolor", "roughness", "normal"}
assert set(jobs.textures_of(rough, tree)) == {"basecolor", "roughness", "normal"}
bpy.context.object.active_material = material
tree.nodes.active = shader
settings.size, settings.rewire = "40x40", True
made = run("MATERIAL")
assert [tuple(one.size) for one in made] == [(40, 40)] * 3, made
new = bpy.data.materials["stone-texot"]
assert bpy.context.object.active_material == new
shown = {n.image.name for n in new.node_tree.nodes if n.type == "TEX_IMAGE"}
assert shown == {one.name for one in made}
assert {n.image for n in tree.nodes if n.type == "TEX_IMAGE"} == {image, rough.image, bump.image}
spaces = {n.image.colorspace_settings.name for n in new.node_tree.nodes if n.type == "TEX_IMAGE"}
assert spaces == {"sRGB", "Non-Color"}
checked("material")

for kind, name, words in [("FILL", image.name, "erase"), ("TILE", "none", "no image")]:
    try:
        bpy.ops.texot.run(kind=kind, image=name)
    except RuntimeError as error:  # how scripts see an error report
        assert words in str(error), error  # noqa: PT017 - no pytest here
    else:
        raise AssertionError(kind)
checked("errors")

image = odd[3]
sky = bpy.data.images.new(image.name, 32, 24, float_buffer=True)
bright = pixels(image)[..., :4].copy()
bright[..., :3] *= 8
sky.pixels.foreach_set(numpy.ascontiguousarray(bright).ravel())
try:
    (made,) = run("TILE", image=sky.name)
except RuntimeError as error:  # without the extra texot[deep]
    assert "texot[deep]" in str(error), error  # noqa: PT017 - no pytest here
else:
    assert made.is_float
    assert pixels(made).max() > 2, "values above 1 stay"
checked("floats")

# what a timer does in the interface, which -b does not have
work = jobs.Work(["texot"], "LARGER", {"image": image}, "1000x1000", 0, "high")
begun = time.monotonic()
while work.job.share == 0:
    tick = time.perf_counter()
    assert work.job.poll(), work.job.error
    assert time.perf_counter() - tick < 0.2, "a look takes no time"
    assert time.monotonic() - begun < 60
    time.sleep(0.1)
work.job.cancel()
while work.job.poll():
    time.sleep(0.1)
assert work.job.state == "stopped", work.job.error
(made,) = work.results().values()
assert tuple(made.size) == (1000, 1000)
work.close()
assert not os.path.exists(work.folder)
checked("modal")

texot_blender.unregister()
checked("unregister")
