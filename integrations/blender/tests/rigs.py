# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures as Mixamo, Unreal and SMPL bring them into Blender, for the scripts beside this file."""

import math

import bpy
from mathutils import Matrix, Vector

# A person of 1.8 m in a T-pose, metres, z up, facing -y: part -> (parent, head of the bone).
PERSON = {
    "hips": (None, (0, 0, 1.00)),
    "spine": ("hips", (0, 0.02, 1.12)),
    "chest": ("spine", (0, 0.03, 1.25)),
    "upper_chest": ("chest", (0, 0.02, 1.38)),
    "neck": ("upper_chest", (0, 0, 1.52)),
    "head": ("neck", (0, -0.02, 1.62)),
    "upper_leg": ("hips", (0.10, 0, 0.95)),
    "lower_leg": ("upper_leg", (0.11, -0.01, 0.51)),
    "foot": ("lower_leg", (0.115, 0.03, 0.09)),
    "toes": ("foot", (0.13, -0.11, 0.022)),
    "shoulder": ("upper_chest", (0.04, 0, 1.46)),
    "upper_arm": ("shoulder", (0.18, 0.02, 1.45)),
    "lower_arm": ("upper_arm", (0.46, 0.03, 1.45)),
    "hand": ("lower_arm", (0.71, 0.02, 1.45)),
    "middle": ("hand", (0.81, 0.015, 1.445)),
}
TRUNK = ("hips", "spine", "chest", "upper_chest", "neck", "head")
# tool -> (pattern, sides, words in the order of PERSON)
NAMES = {
    "Mixamo": (
        "mixamorig:{side}{}",
        ("Left", "Right"),
        "Hips Spine Spine1 Spine2 Neck Head UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand HandMiddle1",
    ),
    "UE5": (
        "{}{side}",
        ("_l", "_r"),
        "pelvis spine_01 spine_02 spine_03 neck_01 head thigh calf foot ball clavicle upperarm lowerarm hand middle_01",
    ),
    "SMPL": (
        "{side}{}",
        ("left_", "right_"),
        "pelvis spine1 spine2 spine3 neck head hip knee ankle foot collar shoulder elbow wrist hand",
    ),
}
# tool -> units in a metre, whether y is up in the armature (as FBX is imported), how far the arms hang in radians
STYLES = {"Mixamo": (100.0, True, 0.0), "UE5": (100.0, False, 0.8), "SMPL": (1.0, False, 0.0)}
TIPS = {"head": (0, 0, 0.2), "toes": (0.01, -0.07, 0), "middle": (0.08, 0, 0)}


def posed(part: str, place: Vector, hanging: float) -> Vector:
    """A place of the left side or the middle with the arms let down."""
    if part not in ("lower_arm", "hand", "middle"):
        return place
    shoulder = Vector(PERSON["upper_arm"][1])
    return Matrix.Rotation(hanging, 3, "Y") @ (place - shoulder) + shoulder


def build_rig(tool: str) -> bpy.types.Object:
    """An armature with a tool's names, rest pose and units, its bones along the limbs."""
    pattern, sides, words = NAMES[tool]
    word = dict(zip(PERSON, words.split(), strict=True))
    unit, y_up, hanging = STYLES[tool]
    turn = Matrix.Rotation(math.radians(-90) if y_up else 0.0, 3, "X")
    bones = {}
    for side in ("", *sides):
        for part, (parent, place) in PERSON.items():
            if (part in TRUNK) == (side == ""):
                name = pattern.format(word[part], side=side)
                above = parent and pattern.format(word[parent], side="" if parent in TRUNK else side)
                at = posed(part, Vector(place), hanging)
                at = at * Vector((-1, 1, 1)) if side == sides[1] else at
                bones[name] = (part, above, unit * (turn @ at))
    shape = bpy.data.armatures.new(tool)
    armature = bpy.data.objects.new(tool, shape)
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (part, above, place) in bones.items():
        bone = shape.edit_bones.new(name)
        below = [other for other in bones.values() if other[1] == name]
        middle = [other for other in below if other[0] in TRUNK] or below
        tip = Vector(TIPS.get(part, (0, 0, 0.1)))
        if place.x < 0:
            tip.x = -tip.x
        tip = middle[0][2] - place if middle else unit * (turn @ tip)
        bone.head, bone.tail = place, place + tip
        bone.parent = shape.edit_bones[above] if above else None
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.scale = [1 / unit] * 3
    armature.rotation_euler = (math.radians(90) if y_up else 0.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    return armature
