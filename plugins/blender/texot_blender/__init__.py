"""texot in Blender: make images tile, larger textures, fill what is erased, new materials.

An installed texot does the work in a process of its own; Blender stays usable meanwhile.
"""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from . import jobs
from . import texot_client as client

bl_info = {
    "name": "texot",
    "author": "The texot maintainers",
    "version": (0, 3, 0),
    "blender": (3, 4, 0),
    "location": "Image Editor and Shader Editor > Sidebar > texot",
    "description": "Seamless and larger textures by optimal transport of patches",
    "category": "Material",
}

KINDS = [
    ("TILE", "Make Tile", "Make the image seamless; pixels away from its edges stay"),
    ("LARGER", "Synthesise Larger", "A new texture of any size, with the image's patches"),
    ("FILL", "Fill Erased", "Fill the part whose alpha is erased"),
    ("MATERIAL", "New Material", "A new material from all textures of the selected node's shader"),
]
_INTERVAL = 0.1  # seconds between two looks at the work


class Preferences(bpy.types.AddonPreferences):
    """Where texot is."""

    bl_idname = __package__
    path: StringProperty(
        name="texot",
        subtype="FILE_PATH",
        description="texot, a Python that has it, or a virtual environment; empty: search the PATH",
    )

    def draw(self, context):
        """Show the path."""
        self.layout.prop(self, "path")


class Settings(bpy.types.PropertyGroup):
    """Settings of a scene."""

    size: StringProperty(
        name="Size", default="2x", description="A factor such as 2x, or pixels such as 1024x768"
    )
    seed: IntProperty(name="Seed", min=0)
    quality: EnumProperty(
        name="Quality", items=[(q, q.capitalize(), "") for q in ("draft", "normal", "high")], default="normal"
    )
    rewire: BoolProperty(name="Use in Nodes", description="Let the nodes that show the image show the result")


def setting():
    """The path in the preferences, or "" if the add-on runs without them."""
    addon = bpy.context.preferences.addons.get(__package__)
    return bpy.path.abspath(addon.preferences.path) if addon and addon.preferences.path else ""


def material_of(context):
    """The material whose nodes the editor shows, or None."""
    found = getattr(context, "material", None) or getattr(
        getattr(context, "object", None), "active_material", None
    )
    return found if found is not None and found.use_nodes else None


def image_of(context):
    """The image of the editor, or of the active texture node, or None."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR":
        return space.image
    material = material_of(context)
    node = material.node_tree.nodes.active if material else None
    return node.image if node is not None and node.type == "TEX_IMAGE" else None


class TEXOT_OT_run(bpy.types.Operator):
    """Run texot; Escape or the button stops it"""

    bl_idname = "texot.run"
    bl_label = "texot"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's way

    kind: EnumProperty(items=KINDS)
    image: StringProperty(name="Image", description="Name of an image; empty: the one that is shown")
    wait: BoolProperty(name="Wait", description="Wait for the result, in scripts", options={"SKIP_SAVE"})

    running = None  # the operator that works, of this session

    def _begin(self, context):
        settings = context.scene.texot
        self.material, self.textures = None, {}
        if self.kind == "MATERIAL":
            self.material = material_of(context)
            node = self.material.node_tree.nodes.active if self.material else None
            nodes = jobs.textures_of(node, self.material.node_tree) if node else {}
            if not nodes:
                raise RuntimeError("select a Principled BSDF with image textures, or one of these textures")
            self.textures = {role: node.name for role, node in nodes.items()}
            images = {role: node.image for role, node in nodes.items()}
        else:
            image = bpy.data.images.get(self.image) if self.image else image_of(context)
            if image is None:
                raise RuntimeError("no image: show one in the Image Editor, or select an image texture node")
            images = {"image": image}
        texot, _ = client.find_texot(setting())
        size = settings.size if self.kind in ("LARGER", "MATERIAL") else ""
        self.work = jobs.Work(texot, self.kind, images, size, settings.seed, settings.quality)
        self.rewire = settings.rewire

    def execute(self, context):
        """Start the work; without a window, or if asked to, wait for it."""
        if TEXOT_OT_run.running is not None:
            self.report({"ERROR"}, "texot is at work: stop it first")
            return {"CANCELLED"}
        try:
            self._begin(context)
        except (RuntimeError, OSError, client.NotFound) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background or self.wait:
            import time

            while self.work.job.poll():
                time.sleep(_INTERVAL)
            return self._end(context)
        TEXOT_OT_run.running = self
        manager = context.window_manager
        self.timer = manager.event_timer_add(_INTERVAL, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        """Look at the work; let everything else pass, so that Blender stays usable."""
        if event.type == "ESC" and event.value == "PRESS":
            self.work.job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        manager = context.window_manager
        if self.work.job.poll():
            manager.progress_update(round(100 * self.work.job.share))
            redraw(context)
            return {"PASS_THROUGH"}
        manager.event_timer_remove(self.timer)
        manager.progress_end()
        TEXOT_OT_run.running = None
        redraw(context)
        return self._end(context)

    def cancel(self, context):
        """Blender closes, or loads another file."""
        TEXOT_OT_run.running = None
        self.work.close()

    def _end(self, context):
        """Take the result; one step of undo."""
        job = self.work.job
        try:
            if job.state == "failed":
                self.report({"ERROR"}, job.error)
                return {"CANCELLED"}
            results = self.work.results()
            if not results:
                self.report({"INFO"}, "texot was stopped before there was a result")
                return {"CANCELLED"}
            self._use(context, results)
        finally:
            self.work.close()
        what = "stopped; the image so far is" if job.state == "stopped" else "made"
        self.report({"INFO"}, "texot: " + what + " " + ", ".join(image.name for image in results.values()))
        return {"FINISHED"}

    def _use(self, context, results):
        if self.kind == "MATERIAL":
            made = jobs.new_material(self.material, self.textures, results, lambda m: m.node_tree.nodes)
            made.use_fake_user = True
            if self.rewire and context.object is not None and context.object.active_material == self.material:
                context.object.active_material = made
            return
        source = self.work.images["image"]
        if self.rewire:
            for material in bpy.data.materials:
                for node in material.node_tree.nodes if material.use_nodes else ():
                    if node.type == "TEX_IMAGE" and node.image == source:
                        jobs.rewire({"image": node}, results)
        space = context.space_data
        if space is not None and space.type == "IMAGE_EDITOR":
            space.image = results["image"]


class TEXOT_OT_stop(bpy.types.Operator):
    """Stop texot and keep the image so far"""

    bl_idname = "texot.stop"
    bl_label = "Stop"

    def execute(self, context):
        """Ask the process to stop; the running operator takes its result."""
        if TEXOT_OT_run.running is not None:
            TEXOT_OT_run.running.work.job.cancel()
        return {"FINISHED"}


def redraw(context):
    """Draw the panels again."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("IMAGE_EDITOR", "NODE_EDITOR"):
                area.tag_redraw()


class Panel:
    """What both panels show."""

    bl_label = "texot"
    bl_region_type = "UI"
    bl_category = "texot"
    kinds = ("TILE", "LARGER", "FILL")

    def draw(self, context):
        """Settings and buttons, or the progress."""
        layout, settings = self.layout, context.scene.texot
        running = TEXOT_OT_run.running
        if running is not None:
            layout.label(text=running.work.job.progress_text())
            layout.operator("texot.stop", icon="CANCEL")
            return
        for name in ("size", "seed", "quality", "rewire"):
            layout.prop(settings, name)
        for kind, label, _ in KINDS:
            if kind in self.kinds:
                layout.operator("texot.run", text=label).kind = kind


class TEXOT_PT_image(Panel, bpy.types.Panel):
    """Panel of the Image Editor."""

    bl_idname = "TEXOT_PT_image"
    bl_space_type = "IMAGE_EDITOR"


class TEXOT_PT_shader(Panel, bpy.types.Panel):
    """Panel of the Shader Editor."""

    bl_idname = "TEXOT_PT_shader"
    bl_space_type = "NODE_EDITOR"
    kinds = ("TILE", "LARGER", "MATERIAL")

    @classmethod
    def poll(cls, context):
        """Only for shaders."""
        return getattr(context.space_data, "tree_type", "") == "ShaderNodeTree"


CLASSES = (Preferences, Settings, TEXOT_OT_run, TEXOT_OT_stop, TEXOT_PT_image, TEXOT_PT_shader)


def register():
    """Called by Blender."""
    for one in CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.texot = PointerProperty(type=Settings)


def unregister():
    """Called by Blender."""
    if TEXOT_OT_run.running is not None:
        TEXOT_OT_run.running.work.close()
        TEXOT_OT_run.running = None
    del bpy.types.Scene.texot
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
