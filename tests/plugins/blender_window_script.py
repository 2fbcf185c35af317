"""Runs in a Blender with a window, see `test_blender.py`: the panel is drawn, a job runs without blocking."""

import os
import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, os.environ["TEXOT_ADDONS"])
import texot_blender

folder = Path(os.environ["TEXOT_TEST_FOLDER"])
drawn = {"idle": 0, "running": 0}
shares = []
draw = texot_blender.Panel.draw


def counted(self, context):
    running = texot_blender.TEXOT_OT_run.running is not None
    draw(self, context)
    drawn["running" if running else "idle"] += 1


texot_blender.TEXOT_PT_image.draw = counted
texot_blender.TEXOT_PT_image.bl_category = "Tool"  # the tab that is open
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
        bpy.context.scene.texot.size = "3000x3000"
        assert bpy.ops.texot.run("EXEC_DEFAULT", kind="LARGER") == {"RUNNING_MODAL"}
        while texot_blender.TEXOT_OT_run.running.work.job.share == 0:
            yield 0.1
        bpy.ops.texot.stop()
    while texot_blender.TEXOT_OT_run.running is not None:
        yield 0.1
    assert tuple(area.spaces.active.image.size) == (3000, 3000), "the image so far"
    (folder / "checked").touch()


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
