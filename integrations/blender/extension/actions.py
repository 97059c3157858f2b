# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes as actions, in the layered ones of Blender 4.4 and later and in those before."""

import json
from collections.abc import Iterator

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from .core.takes import Take, Track

LINEAR = 1
"""of Keyframe.interpolation: every frame has a key, nothing is between them"""


def new_action(armature: bpy.types.Object, take: Take, start: int) -> bpy.types.Action:
    """An action with the keys of a take, its first frame at `start` of the scene."""
    action = bpy.data.actions.new(take.label)
    curves = _curves_of(action, armature)
    for track in take.tracks:
        for path, values in _channels(armature.pose.bones[track.bone], track):
            for index in range(values.shape[1]):
                _fill(_new_curve(curves, path, index, track.bone), start, values[:, index])
    for switch in take.switches:
        bone = armature.pose.bones[switch.bone]
        if switch.name in bone:
            path = f'{bone.path_from_id()}["{switch.name}"]'
            _fill(_new_curve(curves, path, 0, switch.bone), start, np.full(1, switch.value))
    return action


def _curves_of(action: bpy.types.Action, armature: bpy.types.Object):
    """The collection that the action's curves are made in."""
    if not hasattr(action, "slots"):
        return action.fcurves
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def _new_curve(curves, path: str, index: int, group: str) -> bpy.types.FCurve:
    known = curves.bl_rna.functions["new"].parameters.keys()
    named = next((word for word in ("group_name", "action_group") if word in known), None)
    return curves.new(path, index=index, **({named: group} if named else {}))


def _fill(curve: bpy.types.FCurve, start: int, values: np.ndarray) -> None:
    count = len(values)
    curve.keyframe_points.add(count)
    keys = np.stack([start + np.arange(count), values], axis=-1).astype(np.float32)
    curve.keyframe_points.foreach_set("co", keys.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(count, LINEAR, np.int32))
    curve.update()


def _channels(bone: bpy.types.PoseBone, track: Track) -> Iterator[tuple[str, np.ndarray]]:
    """Data paths and values [frames, n] of a track, in the bone's own rotation mode."""
    if bone.rotation_mode == "QUATERNION":
        yield bone.path_from_id("rotation_quaternion"), track.rotations
    elif bone.rotation_mode == "AXIS_ANGLE":
        turns = [Quaternion(one).to_axis_angle() for one in track.rotations]
        yield bone.path_from_id("rotation_axis_angle"), np.asarray([(angle, *axis) for axis, angle in turns])
    else:
        yield bone.path_from_id("rotation_euler"), _eulers(track.rotations, bone.rotation_mode)
    if track.locations is not None:
        yield bone.path_from_id("location"), track.locations


def _eulers(quaternions: np.ndarray, order: str) -> np.ndarray:
    angles = np.empty((len(quaternions), 3))
    before = None
    for frame, one in enumerate(quaternions):
        turn = Quaternion(one)
        before = turn.to_euler(order) if before is None else turn.to_euler(order, before)
        angles[frame] = before
    return angles


def assign(armature: bpy.types.Object, action: bpy.types.Action | None) -> None:
    """Let an action play on the armature; None: no action."""
    data = armature.animation_data or armature.animation_data_create()
    data.action = action
    if action is not None and hasattr(data, "action_slot") and data.action_slot is None and len(action.slots):
        data.action_slot = action.slots[0]


def pose_text(armature: bpy.types.Object) -> str:
    """How the bones stand, as text: channels without keys keep what was last put there, so it has to be kept aside."""
    stand = {bone.name: [list(row) for row in bone.matrix_basis] for bone in armature.pose.bones}
    said = {
        bone.name: {name: value for name, value in bone.items() if isinstance(value, (int, float))}
        for bone in armature.pose.bones
        if bone.keys()
    }
    return json.dumps({"stand": stand, "properties": said})


def set_pose(armature: bpy.types.Object, text: str) -> None:
    """Let the bones stand as `pose_text` said; bones that are not there any more are left out."""
    kept, bones = json.loads(text or "{}"), armature.pose.bones
    for name, rows in kept.get("stand", {}).items():
        if name in bones:
            bones[name].matrix_basis = Matrix(rows)
    for name, values in kept.get("properties", {}).items():
        for key, value in values.items() if name in bones else ():
            bones[name][key] = value


def current(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The action that plays on the armature."""
    return None if armature.animation_data is None else armature.animation_data.action
