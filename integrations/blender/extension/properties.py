# SPDX-License-Identifier: GPL-3.0-or-later
"""What an armature remembers: what is asked for, and the takes that came of it."""

import bpy

from genmo.runtime.motion.bone_names import PARTS

from . import actions

SOURCES = (
    ("TEXT", "Text", "Motion from the prompt, the path and the poses"),
    ("KEYPOINTS", "Keypoints", "The motion that a file of 2D keypoints shows; a prompt says how it goes on after it"),
    ("VIDEO", "Video", "The motion that a video shows; a prompt says how it goes on after it"),
)
MAPPED = tuple(part for part in PARTS if part not in ("spine", "neck"))
"""parts of a body that are one bone"""


def _show_take(owner: "GenmoArmature", context: bpy.types.Context) -> None:
    """Put the chosen take on the armature."""
    take = owner.chosen
    if take is not None and take.action is not None:
        actions.assign(owner.id_data, take.action)


class GenmoTake(bpy.types.PropertyGroup):
    """One motion that was made."""

    action: bpy.props.PointerProperty(type=bpy.types.Action)
    notes: bpy.props.StringProperty()


class GenmoBone(bpy.types.PropertyGroup):
    """Which bone a part of the body is; the part is the name."""

    bone: bpy.props.StringProperty(name="Bone", description="Empty: found by its name")


class GenmoArmature(bpy.types.PropertyGroup):
    """`Object.genmo` of an armature."""

    source: bpy.props.EnumProperty(name="From", items=SOURCES)
    prompt: bpy.props.StringProperty(
        name="Prompt", default="a person walks forward", description="What the person does, in English"
    )
    keypoints: bpy.props.StringProperty(name="Keypoints", subtype="FILE_PATH")
    video: bpy.props.StringProperty(name="Video", subtype="FILE_PATH")
    person: bpy.props.StringProperty(
        name="Person", default="largest", description="Who, where there are several: largest, or the number of one"
    )
    start: bpy.props.IntProperty(name="Start", default=1, description="First frame of the motion in the scene")
    frames: bpy.props.IntProperty(
        name="Frames", default=120, min=0, soft_max=1200, description="Length; 0 with keypoints or a video: theirs"
    )
    seed: bpy.props.IntProperty(name="Seed", min=0, description="The same seed gives the same takes")
    samples: bpy.props.IntProperty(name="Takes", default=3, min=1, max=16, description="Motions to choose from")
    tries: bpy.props.IntProperty(
        name="Tries",
        default=4,
        min=1,
        max=64,
        description="Made for each take; the one that does as the prompt says is kept",
    )
    steps: bpy.props.IntProperty(name="Steps", min=0, max=1000, description="0: as the engine is used to")
    guidance: bpy.props.FloatProperty(
        name="Guidance", default=0.0, min=0.0, max=10.0, description="Weight of the prompt; 0: as the engine is used to"
    )
    path: bpy.props.PointerProperty(
        name="Path", type=bpy.types.Object, poll=lambda _, one: one.type == "CURVE", description="The way of the hips"
    )
    use_poses: bpy.props.BoolProperty(
        name="Meet Marked Poses", description="Have the armature's own poses at the frames that are marked"
    )
    continues: bpy.props.BoolProperty(
        name="From Current Pose", description="Begin with the pose that the armature has at the first frame"
    )
    at_rest_place: bpy.props.BoolProperty(
        name="Begin at Rest Place", default=True, description="Begin where the armature rests, and face as it does"
    )
    bones: bpy.props.CollectionProperty(type=GenmoBone)
    takes: bpy.props.CollectionProperty(type=GenmoTake)
    take_index: bpy.props.IntProperty(update=_show_take)
    base: bpy.props.PointerProperty(
        type=bpy.types.Action, description="The action that the armature had before the takes: its poses are read"
    )
    base_pose: bpy.props.StringProperty(description="How its bones stood then, for those that the action does not key")

    @property
    def chosen(self) -> GenmoTake | None:
        """The take that is shown."""
        return self.takes[self.take_index] if 0 <= self.take_index < len(self.takes) else None


_CLASSES = (GenmoTake, GenmoBone, GenmoArmature)


def register() -> None:
    """Add `Object.genmo`."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Object.genmo = bpy.props.PointerProperty(type=GenmoArmature)


def unregister() -> None:
    """Take it out."""
    del bpy.types.Object.genmo
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
