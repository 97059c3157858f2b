# SPDX-License-Identifier: GPL-3.0-or-later
"""What the buttons do.  Work runs in a thread that never touches Blender; a timer fetches what it has made."""

import bpy

from genmo.runtime import InputError
from genmo.runtime.retarget.rig_motion import travel_of

from . import actions, scene
from .core.controls import deforming
from .core.job import CANCELLED, FAILED, Job
from .core.request import make
from .core.skeleton import character, parts
from .preferences import setup
from .properties import MAPPED

jobs: dict[str, Job] = {}
"""what computes now, by the name of the armature"""
INTERVAL = 0.1
"""seconds between two looks at the thread"""


def armature_of(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that is worked on: the active object, or what deforms it."""
    active = context.object
    if active is not None and active.type == "MESH":
        active = active.find_armature()
    return active if active is not None and active.type == "ARMATURE" else None


class _OnArmature:
    """Buttons that want an armature."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is one."""
        cls.poll_message_set("Select an armature")
        return armature_of(context) is not None


class GENMO_OT_generate(_OnArmature, bpy.types.Operator):
    """Make takes of what is asked for; Esc stops it"""

    bl_idname = "genmo.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is an armature and nothing computes for it yet."""
        return super().poll(context) and armature_of(context).name not in jobs

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin, and come back whenever the timer rings."""
        if not self._begin(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(INTERVAL, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show how far it is; at the end put the takes on the armature."""
        job = jobs.get(self._name)
        if job is None:
            return self._end(context, {"CANCELLED"})
        if event.type == "ESC" and event.value == "PRESS":
            job.cancel()
        elif event.type == "TIMER":
            context.window_manager.progress_update(100 * job.share)
            for area in context.screen.areas if context.screen else ():
                area.tag_redraw()
            if not job.running:
                return self._end(context, self._finish(context))
        return {"PASS_THROUGH"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """The same without a window, for scripts: wait for the thread."""
        if not self._begin(context):
            return {"CANCELLED"}
        jobs[self._name].wait()
        return self._finish(context)

    def _begin(self, context: bpy.types.Context) -> bool:
        armature = armature_of(context)
        self._name, self._start = armature.name, armature.genmo.start
        try:
            asked, wanted = scene.request_of(context, armature), setup(context)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return False
        jobs[self._name] = Job(lambda tell: make(asked, wanted, tell)).start()
        return True

    def _finish(self, context: bpy.types.Context) -> set[str]:
        """Put what the thread has made into the scene, or say why there is nothing."""
        job = jobs.pop(self._name)
        armature = bpy.data.objects.get(self._name)
        if job.state == CANCELLED or armature is None:
            self.report({"INFO"}, "Stopped; nothing was changed")
            return {"CANCELLED"}
        if job.state == FAILED:
            if job.details:
                print(job.details)
            self.report({"ERROR"}, job.error)
            return {"CANCELLED"}
        self._place(armature, job.result)
        return {"FINISHED"}

    def _place(self, armature: bpy.types.Object, takes: list) -> None:
        genmo = armature.genmo
        if genmo.chosen is None:
            genmo.base, genmo.base_pose = actions.current(armature), actions.pose_text(armature)
        else:
            _drop_takes(genmo)
        for take in takes:
            entry = genmo.takes.add()
            entry.action = actions.new_action(armature, take, self._start)
            entry.name, entry.notes = take.label, "\n".join(take.notes)
        genmo.take_index = 0  # its update puts the action on the armature
        for note in takes[0].notes:
            self.report({"INFO"}, note)

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        return result


class GENMO_OT_cancel(_OnArmature, bpy.types.Operator):
    """Stop what is being made; nothing of it is kept"""

    bl_idname = "genmo.cancel"
    bl_label = "Stop"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tell the thread."""
        job = jobs.get(armature_of(context).name)
        if job is None:
            return {"CANCELLED"}
        job.cancel()
        return {"FINISHED"}


class GENMO_OT_mark_pose(_OnArmature, bpy.types.Operator):
    """Mark the pose at the current frame with a timeline marker: motions will have it there"""

    bl_idname = "genmo.mark_pose"
    bl_label = "Mark Pose"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the marker; one that is there stays."""
        frame = context.scene.frame_current
        if not scene.marks(context.scene, frame, 1):
            context.scene.timeline_markers.new(f"{scene.MARK} {frame}", frame=frame)
        armature_of(context).genmo.use_poses = True
        return {"FINISHED"}


class GENMO_OT_unmark_poses(_OnArmature, bpy.types.Operator):
    """Take all marks of poses off the timeline"""

    bl_idname = "genmo.unmark_poses"
    bl_label = "Clear Marks"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove the markers."""
        markers = context.scene.timeline_markers
        for marker in [one for one in markers if one.name.lower().startswith(scene.MARK)]:
            markers.remove(marker)
        armature_of(context).genmo.use_poses = False
        return {"FINISHED"}


class GENMO_OT_add_path(_OnArmature, bpy.types.Operator):
    """Add a curve on the ground in front of the armature, to be bent as the way of the motion"""

    bl_idname = "genmo.add_path"
    bl_label = "Add Path"
    bl_options = {"REGISTER", "UNDO"}

    metres: bpy.props.FloatProperty(name="Length", default=3.0, min=0.1, description="In metres of the person")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the curve and choose it."""
        armature = armature_of(context)
        try:
            body = character(deforming(scene.skeleton_of(armature)))
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        line = scene.ground_line(armature, body.frame[2], self.metres * travel_of(body))
        context.collection.objects.link(line)
        armature.genmo.path = line
        return {"FINISHED"}


class GENMO_OT_find_bones(_OnArmature, bpy.types.Operator):
    """List which bone is which part of the body, to look at and to change"""

    bl_idname = "genmo.find_bones"
    bl_label = "Find Bones"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill the list with what names tell; what was chosen by hand stays."""
        armature = armature_of(context)
        said = {one.name: one.bone for one in armature.genmo.bones}
        try:
            found = parts(deforming(scene.skeleton_of(armature)))
        except InputError as error:
            found = {}
            self.report({"WARNING"}, str(error))
        armature.genmo.bones.clear()
        for part in MAPPED:
            entry = armature.genmo.bones.add()
            entry.name, entry.bone = part, found.get(part) or said.get(part, "")
        return {"FINISHED"}


class GENMO_OT_bake(_OnArmature, bpy.types.Operator):
    """Keep the take that is shown as an action of its own, and drop the others"""

    bl_idname = "genmo.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.StringProperty(name="Name", description="Of the action; empty: the take's")
    to_strip: bpy.props.BoolProperty(
        name="To NLA", description="Put it into a strip of its own above the action that was there before"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a take is shown."""
        return super().poll(context) and armature_of(context).genmo.chosen is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep one, drop the rest."""
        armature = armature_of(context)
        genmo = armature.genmo
        action, base = genmo.chosen.action, genmo.base
        action.name = self.name or action.name
        action.use_fake_user = True
        _drop_takes(genmo, keep=action)
        if self.to_strip:
            track = armature.animation_data.nla_tracks.new()
            track.name = action.name
            strip = track.strips.new(action.name, int(action.frame_range[0]), action)
            if hasattr(strip, "action_slot") and strip.action_slot is None:
                strip.action_slot = action.slots[0]
            actions.assign(armature, base)
            actions.set_pose(armature, genmo.base_pose)
        genmo.base, genmo.base_pose = None, ""
        self.report({"INFO"}, f"Kept as the action {action.name!r}")
        return {"FINISHED"}


class GENMO_OT_drop_takes(_OnArmature, bpy.types.Operator):
    """Drop all takes; the armature has the action again that it had before"""

    bl_idname = "genmo.drop_takes"
    bl_label = "Drop Takes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there are any."""
        return super().poll(context) and len(armature_of(context).genmo.takes) > 0

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Drop them."""
        armature = armature_of(context)
        genmo = armature.genmo
        _drop_takes(genmo)
        actions.assign(armature, genmo.base)
        actions.set_pose(armature, genmo.base_pose)
        genmo.base, genmo.base_pose = None, ""
        context.scene.frame_set(context.scene.frame_current)  # keys of the action over it
        return {"FINISHED"}


def _drop_takes(genmo, keep: bpy.types.Action | None = None) -> None:
    """Remove the takes, and their actions but one."""
    dropped = [take.action for take in genmo.takes if take.action not in (None, keep)]
    genmo.takes.clear()
    for action in dropped:
        bpy.data.actions.remove(action)


_CLASSES = (
    GENMO_OT_generate,
    GENMO_OT_cancel,
    GENMO_OT_mark_pose,
    GENMO_OT_unmark_poses,
    GENMO_OT_add_path,
    GENMO_OT_find_bones,
    GENMO_OT_bake,
    GENMO_OT_drop_takes,
)


def register() -> None:
    """Add the operators."""
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Take them out; what still computes is stopped."""
    for job in jobs.values():
        job.cancel()
    jobs.clear()
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
