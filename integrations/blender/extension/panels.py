# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "genmo" in the sidebar of the 3D view."""

import bpy

from genmo.runtime.motion.bone_names import REQUIRED

from . import operators, scene


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "genmo"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is an armature to work on."""
        return operators.armature_of(context) is not None


class GENMO_UL_takes(bpy.types.UIList):
    """The takes, one a line."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """A take's name, which can be changed."""
        layout.prop(item, "name", text="", emboss=False, icon="ACTION")


class GENMO_PT_motion(_Panel, bpy.types.Panel):
    """What to make, and the takes that came of it."""

    bl_idname = "GENMO_PT_motion"
    bl_label = "Motion"

    def draw(self, context: bpy.types.Context) -> None:
        """Show it."""
        layout, armature = self.layout, operators.armature_of(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        genmo = armature.genmo
        layout.prop(genmo, "source")
        if genmo.source == "KEYPOINTS":
            layout.prop(genmo, "keypoints")
        elif genmo.source == "VIDEO":
            layout.prop(genmo, "video")
        if genmo.source != "TEXT":
            layout.prop(genmo, "person")
            layout.prop(genmo, "at_rest_place")
        layout.prop(genmo, "prompt")
        row = layout.row(align=True)
        row.prop(genmo, "start")
        row.prop(genmo, "frames", text="")
        layout.label(text=f"{genmo.frames / scene.rate_of(context.scene):.1f} s", icon="TIME")
        layout.prop(genmo, "samples")
        layout.prop(genmo, "tries")
        layout.prop(genmo, "seed")
        self._run(layout, armature)

    def _run(self, layout: bpy.types.UILayout, armature: bpy.types.Object) -> None:
        job = operators.jobs.get(armature.name)
        if job is None:
            layout.operator("genmo.generate", icon="PLAY")
        else:
            layout.progress(factor=job.share, text=job.stage)
            layout.operator("genmo.cancel", icon="CANCEL")


class GENMO_PT_takes(_Panel, bpy.types.Panel):
    """Choose one and keep it."""

    bl_label = "Takes"
    bl_parent_id = "GENMO_PT_motion"

    def draw(self, context: bpy.types.Context) -> None:
        """Show them."""
        layout, genmo = self.layout, operators.armature_of(context).genmo
        layout.template_list("GENMO_UL_takes", "", genmo, "takes", genmo, "take_index", rows=3)
        row = layout.row(align=True)
        row.operator("genmo.bake", icon="CHECKMARK")
        row.operator("genmo.bake", text="To NLA", icon="NLA").to_strip = True
        row.operator("genmo.drop_takes", text="", icon="TRASH")
        for note in genmo.chosen.notes.splitlines() if genmo.chosen else ():
            layout.label(text=note, icon="INFO")


class GENMO_PT_constraints(_Panel, bpy.types.Panel):
    """Where to go and which poses to have."""

    bl_label = "Path and Poses"
    bl_parent_id = "GENMO_PT_motion"

    def draw(self, context: bpy.types.Context) -> None:
        """Show them."""
        layout, genmo = self.layout, operators.armature_of(context).genmo
        layout.use_property_split, layout.use_property_decorate = True, False
        row = layout.row(align=True)
        row.prop(genmo, "path")
        row.operator("genmo.add_path", text="", icon="ADD")
        layout.prop(genmo, "continues")
        layout.prop(genmo, "use_poses")
        row = layout.row(align=True)
        row.operator("genmo.mark_pose", icon="MARKER_HLT")
        row.operator("genmo.unmark_poses", text="", icon="TRASH")
        if genmo.use_poses:
            frames = [str(genmo.start + one) for one in scene.marks(context.scene, genmo.start, genmo.frames)]
            layout.label(text=f"Poses at {', '.join(frames) or 'no frame yet'}", icon="KEYFRAME")


class GENMO_PT_sampler(_Panel, bpy.types.Panel):
    """Rarely changed."""

    bl_label = "Sampler"
    bl_parent_id = "GENMO_PT_motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Show it."""
        layout, genmo = self.layout, operators.armature_of(context).genmo
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(genmo, "steps")
        layout.prop(genmo, "guidance")


class GENMO_PT_bones(_Panel, bpy.types.Panel):
    """Which bone is which part of the body."""

    bl_label = "Bones"
    bl_parent_id = "GENMO_PT_motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Show them."""
        layout, armature = self.layout, operators.armature_of(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.operator("genmo.find_bones", icon="VIEWZOOM")
        for one in armature.genmo.bones:
            row = layout.row()
            row.alert = not one.bone and one.name in REQUIRED
            row.prop_search(one, "bone", armature.data, "bones", text=one.name.replace("_", " ").title())


_CLASSES = (
    GENMO_UL_takes,
    GENMO_PT_motion,
    GENMO_PT_takes,
    GENMO_PT_constraints,
    GENMO_PT_sampler,
    GENMO_PT_bones,
)


def register() -> None:
    """Add the panels."""
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Take them out."""
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
