"""Runs in a Blender with a window, see `test_blender.py`: panels, jobs that do not block, undo."""

import os
import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, os.environ["TEXOT_ADDONS"])
import texot_blender

folder = Path(os.environ["TEXOT_TEST_FOLDER"])
drawn = {"idle": 0, "running": 0, "shader": 0}
shares = []
draw = texot_blender.Panel.draw


def counted(self, context):
    running = texot_blender.TEXOT_OT_run.running is not None
    draw(self, context)
    drawn["running" if running else "idle"] += 1


def counted_in_shader_editor(self, context):
    draw(self, context)
    drawn["shader"] += 1


texot_blender.TEXOT_PT_image.draw = counted
texot_blender.TEXOT_PT_image.bl_category = "Tool"  # the tab that is open
texot_blender.TEXOT_PT_shader.draw = counted_in_shader_editor
texot_blender.TEXOT_PT_shader.bl_category = "Node"
texot_blender.register()
bpy.context.preferences.view.show_splash = False
image = bpy.data.images.load(next(map(str, folder.glob("*.png"))))


def steps():
    """Yields seconds to wait."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda a: a.width * a.height)
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image, area.spaces.active.show_region_ui = image, True
    yield 1.0
    region = next(r for r in area.regions if r.type == "WINDOW")
    bpy.context.scene.texot.size = os.environ.get("TEXOT_TEST_SIZE", "400x300")
    bpy.context.scene.texot.quality = "draft"
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert bpy.ops.texot.run("EXEC_DEFAULT", kind="LARGER") == {"RUNNING_MODAL"}
    while texot_blender.TEXOT_OT_run.running is not None:
        shares.append(texot_blender.TEXOT_OT_run.running.work.job.share)
        if 0 < shares[-1] < 1:
            bpy.ops.screen.screenshot(filepath=str(folder / "window.jpg"))
        yield 0.1
    assert len(shares) > 5, "the interface went on meanwhile"
    assert shares == sorted(shares)
    assert area.spaces.active.image.name.endswith("-larger"), "the editor shows the result"
    assert drawn["idle"], drawn
    assert drawn["running"], drawn
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.context.scene.texot.size = "1200x1200"
        assert bpy.ops.texot.run("EXEC_DEFAULT", kind="LARGER") == {"RUNNING_MODAL"}
        while texot_blender.TEXOT_OT_run.running.work.job.share == 0:
            yield 0.1
        bpy.ops.texot.stop()
    while texot_blender.TEXOT_OT_run.running is not None:
        yield 0.1
    assert tuple(area.spaces.active.image.size) == (1200, 1200), "the image so far"
    yield from shader_editor(window, area)
    (folder / "checked").touch()


def shader_editor(window, area):
    """The panel there; a result of the active texture node, used in nodes, is one step of undo."""
    area.ui_type = "ShaderNodeTree"
    area.spaces.active.show_region_ui = True
    tree = bpy.context.object.active_material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.name, node.image, tree.nodes.active = "photo", image, node
    name, count = image.name, len(bpy.data.images)
    settings = bpy.context.scene.texot
    settings.size, settings.quality, settings.rewire = "48x40", "draft", True
    yield 1.0
    assert drawn["shader"], drawn
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.ed.undo_push(message="before texot")
        assert bpy.ops.texot.run("EXEC_DEFAULT", kind="LARGER") == {"RUNNING_MODAL"}
    while texot_blender.TEXOT_OT_run.running is not None:
        yield 0.1
    yield 0.5

    def shown():
        return bpy.context.object.active_material.node_tree.nodes["photo"].image

    assert shown().name != name, "the node shows the result"
    assert tuple(shown().size) == (48, 40)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo()
    yield 0.5
    assert shown().name == name, "one step back"
    assert len(bpy.data.images) == count, bpy.data.images.keys()
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.redo()
    yield 0.5
    assert shown().name != name
    assert tuple(shown().size) == (48, 40), "packed: its pixels are there"


todo = steps()


def tick():
    try:
        return next(todo)
    except StopIteration:
        pass
    except BaseException:
        traceback.print_exc()
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=1.0)
