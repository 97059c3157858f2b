# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scene holds, read into arrays on Blender's own thread: armatures, poses at frames, drawn paths, marks."""

import bpy
import numpy as np
from mathutils import Matrix

from genmo.runtime import InputError

from . import actions
from .core.poses import Poses
from .core.request import Request
from .core.skeleton import Skeleton

MARK = "pose"
"""what the names of timeline markers begin with that mark a pose"""


def skeleton_of(armature: bpy.types.Object) -> Skeleton:
    """The bones of an armature as they rest, with what the user said about them."""
    bones = _in_order(armature.data.bones)
    number = {bone.name: index for index, bone in enumerate(bones)}
    return Skeleton(
        name=armature.name,
        names=tuple(number),
        parents=tuple(-1 if bone.parent is None else number[bone.parent.name] for bone in bones),
        rest=np.asarray([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4),
        deforms=tuple(bone.use_deform for bone in bones),
        inherits_rotation=tuple(bone.use_inherit_rotation for bone in bones),
        local_location=tuple(bone.use_local_location for bone in bones),
        connected=tuple(bone.use_connect and bone.parent is not None for bone in bones),
        constrained=tuple(_constrained(armature.pose.bones[bone.name]) for bone in bones),
        lowest=_lowest(armature),
        bone_map={one.name: one.bone for one in armature.genmo.bones if one.bone},
    )


def _in_order(bones: bpy.types.ArmatureBones) -> list[bpy.types.Bone]:
    """Parents before children."""
    ordered = [bone for bone in bones if bone.parent is None]
    for bone in ordered:
        ordered.extend(bone.children)
    return ordered


def _constrained(bone: bpy.types.PoseBone) -> bool:
    return any(not one.mute and one.influence > 0 for one in bone.constraints)


def _lowest(armature: bpy.types.Object) -> tuple[float, float] | None:
    """The lowest point along y and z, in armature space, of the meshes that the armature deforms."""
    low = []
    for mesh in bpy.data.objects:
        deformed = mesh.type == "MESH" and any(
            one.type == "ARMATURE" and one.object == armature for one in mesh.modifiers
        )
        if deformed and len(mesh.data.vertices):
            points = np.empty(3 * len(mesh.data.vertices), np.float32)
            mesh.data.vertices.foreach_get("co", points)
            place = np.asarray(armature.matrix_world.inverted_safe() @ mesh.matrix_world)
            low.append((points.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]).min(axis=0))
    return None if not low else (float(np.min(low, axis=0)[1]), float(np.min(low, axis=0)[2]))


def rate_of(scene: bpy.types.Scene) -> float:
    """Frames a second of the scene."""
    return scene.render.fps / scene.render.fps_base


def marks(scene: bpy.types.Scene, start: int, frames: int) -> list[int]:
    """Frames within the motion, counted from its first, that markers mark as poses."""
    marked = {marker.frame - start for marker in scene.timeline_markers if marker.name.lower().startswith(MARK)}
    return sorted(frame for frame in marked if 0 <= frame < frames)


def poses_at(context: bpy.types.Context, armature: bpy.types.Object, start: int, frames: list[int]) -> Poses:
    """The armature's poses at frames counted from `start`, as the animation that is not genmo's has them."""
    scene, shown = context.scene, actions.current(armature)
    before = scene.frame_current
    if armature.genmo.chosen is not None:
        actions.assign(armature, armature.genmo.base)
        actions.set_pose(armature, armature.genmo.base_pose)
    order = [bone.name for bone in _in_order(armature.data.bones)]
    matrices = []
    for frame in frames:
        scene.frame_set(start + frame)
        posed = armature.evaluated_get(context.evaluated_depsgraph_get()).pose.bones
        matrices.append([posed[name].matrix.copy() for name in order])
    if armature.genmo.chosen is not None:
        actions.assign(armature, shown)
    scene.frame_set(before)
    return Poses(np.asarray(frames, np.int64), np.asarray(matrices, np.float64).reshape(len(frames), -1, 4, 4))


def path_points(context: bpy.types.Context, curve: bpy.types.Object, armature: bpy.types.Object) -> np.ndarray:
    """Points [P, 3] along the first spline of a curve, in armature space; a closed one ends where it begins."""
    if not len(curve.data.splines):
        raise InputError(f"{curve.name} has no spline; wanted a curve along the ground")
    shape = curve.data.copy()
    try:
        for spline in list(shape.splines)[1:]:
            shape.splines.remove(spline)
        shape.bevel_depth = shape.extrude = 0.0
        shape.bevel_object = None
        line = bpy.data.objects.new("genmo path", shape)
        try:
            mesh = line.to_mesh()
            points = np.asarray([vertex.co[:] for vertex in mesh.vertices], np.float64)
            line.to_mesh_clear()
        finally:
            bpy.data.objects.remove(line)
    finally:
        bpy.data.curves.remove(shape)
    if curve.data.splines[0].use_cyclic_u and len(points):
        points = np.concatenate([points, points[:1]])
    place = np.asarray(armature.matrix_world.inverted_safe() @ curve.matrix_world)
    return points.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]


def request_of(context: bpy.types.Context, armature: bpy.types.Object) -> Request:
    """What the panel of an armature asks for.  Raises InputError for what cannot be."""
    asked = armature.genmo
    text = asked.source == "TEXT"
    wanted = marks(context.scene, asked.start, asked.frames) if asked.use_poses else []
    if asked.use_poses and not wanted:
        raise InputError(
            f"no marker named {MARK} lies within frames {asked.start} to {asked.start + asked.frames - 1}; "
            "wanted some: Mark Pose at the frame of each pose"
        )
    if asked.continues:
        wanted = sorted({0, *wanted})
    for name in () if text else ("keypoints", "video"):
        if asked.source == name.upper() and not getattr(asked, name):
            raise InputError(f"no file of {name} is chosen; wanted one")
    return Request(
        skeleton=skeleton_of(armature),
        frames=asked.frames,
        fps=rate_of(context.scene),
        prompt=asked.prompt,
        keypoints=bpy.path.abspath(asked.keypoints) if asked.source == "KEYPOINTS" else "",
        video=bpy.path.abspath(asked.video) if asked.source == "VIDEO" else "",
        person=asked.person,
        poses=poses_at(context, armature, asked.start, wanted) if wanted else None,
        path=None if asked.path is None else path_points(context, asked.path, armature),
        seed=asked.seed,
        samples=asked.samples,
        tries=asked.tries,
        steps=asked.steps or None,
        guidance=asked.guidance or None,
        at_rest_place=asked.at_rest_place,
    )


def ground_line(armature: bpy.types.Object, forward: np.ndarray, length: float) -> bpy.types.Object:
    """A Bezier curve on the ground, from where the armature rests, `length` of its own units along `forward` [3]."""
    shape = bpy.data.curves.new(f"{armature.name} path", "CURVE")
    shape.dimensions, shape.twist_mode = "3D", "Z_UP"
    spline = shape.splines.new("BEZIER")
    spline.bezier_points.add(1)
    for point, share in zip(spline.bezier_points, (0.0, 1.0), strict=True):
        point.co = (share * length * forward).tolist()
        point.handle_left_type = point.handle_right_type = "AUTO"
    line = bpy.data.objects.new(shape.name, shape)
    line.matrix_world = Matrix(armature.matrix_world)
    return line
