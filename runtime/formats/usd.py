"""UsdSkel in .usd (binary), .usda (text) and .usdz (package): a skeleton, its movement, and genmo's own body.

The stage is y up, in metres, with one time code a frame.  Written through `usd-core` (the extra `usd`), which is
imported when the first such file is asked for.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.formats.glb import standing_pelvis
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_track import ROOT_BONE, RootTrack
from genmo.runtime.motion.rotation import continuous_quaternions, rotate, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, rest_joints
from genmo.runtime.render.mannequin import body_mesh
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import BackendError

SUFFIXES = (".usd", ".usda", ".usdz")
PACKED = time.mktime((2000, 1, 1, 0, 0, 0, 0, 0, -1))
"""time of the file in a .usdz package, of any zone"""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones at rest in the world, y up, metres."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """parents come before their children; -1 for a root"""
    rotations: Array
    """[bones, 3, 3]"""
    positions: Array
    """[bones, 3]"""


@dataclass(frozen=True, eq=False)
class Skin:
    """Triangles on a skeleton, in its rest pose."""

    points: Array
    """[vertices, 3] metres"""
    normals: Array
    """[vertices, 3]"""
    faces: Any
    """[faces, 3]"""
    joints: Any
    """[vertices, influences] numbers of bones"""
    weights: Array
    """[vertices, influences]"""


def need_usd() -> None:
    """Raise BackendError that says what to install when usd-core is not there."""
    try:
        import pxr  # noqa: F401
    except ImportError:
        raise BackendError(
            "writing .usd, .usda and .usdz needs usd-core, which is not installed; run: pip install 'genmo-motion[usd]'"
        ) from None


def to_usd(motion: Motion, suffix: str = ".usd", *, root_bone: bool | RootTrack = False) -> bytes:
    """The motion on genmo's own body.  Raises BackendError without usd-core.

    `root_bone`: with a bone over the pelvis that carries the way over the ground.
    """
    offsets = np.asarray(motion.rest_offsets, np.float64)
    pelvis = standing_pelvis(offsets)
    still = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    body = body_mesh(offsets)
    skin = Skin(body.vertices + pelvis, body.normals, body.faces, body.joints, body.weights)
    rotations, positions = motion.kinematics()
    skeleton = Skeleton(JOINTS, PARENTS, still, rest_joints(offsets) + pelvis)
    root = motion.root_bone(root_bone)
    if root is not None:
        skeleton, skin = _under_root(skeleton), replace(skin, joints=skin.joints + 1)
        rotations = np.concatenate([root.rotation[:, None], rotations], axis=1)
        positions = np.concatenate([root.position[:, None], positions], axis=1)
    return usd_bytes(skeleton, rotations, positions, motion.fps, suffix, skin)


def _under_root(skeleton: Skeleton) -> Skeleton:
    """The skeleton under a root bone that rests at the origin."""
    return Skeleton(
        (ROOT_BONE, *skeleton.names),
        (-1, *(parent + 1 for parent in skeleton.parents)),
        np.concatenate([np.eye(3)[None], skeleton.rotations]),
        np.concatenate([np.zeros((1, 3)), skeleton.positions]),
    )


def usd_bytes(
    skeleton: Skeleton, rotations: Array, positions: Array, fps: float, suffix: str, skin: Skin | None = None
) -> bytes:
    """A stage with a skeleton that plays world rotations [frames, bones, 3, 3] and positions [frames, bones, 3].

    Raises BackendError without usd-core.
    """
    need_usd()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"motion{'.usdc' if suffix == '.usdz' else suffix}"
        _write_stage(str(path), skeleton, rotations, positions, fps, skin)
        if suffix == ".usdz":
            from pxr import UsdUtils

            package = Path(folder) / "motion.usdz"
            os.utime(path, (PACKED, PACKED))  # the package tells it: the same motion would have other bytes later
            if not UsdUtils.CreateNewUsdzPackage(str(path), str(package)):
                raise BackendError("usd-core could not make the .usdz package; write .usd instead")
            path = package
        return path.read_bytes()


def _write_stage(
    path: str, skeleton: Skeleton, rotations: Array, positions: Array, fps: float, skin: Skin | None
) -> None:
    from pxr import Sdf, Usd, UsdGeom, UsdSkel, Vt

    stage = Usd.Stage.CreateNew(path)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(fps)
    stage.SetFramesPerSecond(fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(positions) - 1)
    root = UsdSkel.Root.Define(stage, "/person")
    stage.SetDefaultPrim(root.GetPrim())
    tokens = _tokens(skeleton)
    bones = UsdSkel.Skeleton.Define(stage, "/person/skeleton")
    bones.CreateJointsAttr(tokens)
    rest, rest_positions = _local(skeleton.parents, skeleton.rotations[None], skeleton.positions[None])
    bones.CreateBindTransformsAttr(_matrices(skeleton.rotations, skeleton.positions))
    bones.CreateRestTransformsAttr(_matrices(rest[0], rest_positions[0]))
    moves = UsdSkel.Animation.Define(stage, "/person/skeleton/motion")
    moves.CreateJointsAttr(tokens)
    local, steps = _local(skeleton.parents, rotations, positions)
    quaternions = continuous_quaternions(local)[..., [1, 2, 3, 0]].astype(np.float32)  # numpy to USD: x, y, z, w
    turning, going = moves.CreateRotationsAttr(), moves.CreateTranslationsAttr()
    for frame in range(len(positions)):
        turning.Set(Vt.QuatfArrayFromBuffer(np.ascontiguousarray(quaternions[frame])), frame)
        going.Set(Vt.Vec3fArray.FromNumpy(steps[frame].astype(np.float32)), frame)
    moves.CreateScalesAttr(Vt.Vec3hArray.FromNumpy(np.ones((len(tokens), 3), np.float16)))
    UsdSkel.BindingAPI.Apply(bones.GetPrim()).CreateAnimationSourceRel().SetTargets(
        [Sdf.Path("/person/skeleton/motion")]
    )
    if skin is not None:
        _write_skin(stage, skin)
    stage.GetRootLayer().Save()


def _write_skin(stage: Any, skin: Skin) -> None:
    from pxr import Gf, Sdf, UsdGeom, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, "/person/body")
    points = skin.points.astype(np.float32)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(skin.normals.astype(np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(skin.faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(skin.faces.reshape(-1).astype(np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr([Gf.Vec3f(*points.min(axis=0).tolist()), Gf.Vec3f(*points.max(axis=0).tolist())])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    influences = skin.joints.shape[1]
    joints = Vt.IntArray.FromNumpy(skin.joints.reshape(-1).astype(np.int32))
    weights = Vt.FloatArray.FromNumpy(skin.weights.reshape(-1).astype(np.float32))
    binding.CreateJointIndicesPrimvar(False, influences).Set(joints)
    binding.CreateJointWeightsPrimvar(False, influences).Set(weights)
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    binding.CreateSkeletonRel().SetTargets([Sdf.Path("/person/skeleton")])


def _tokens(skeleton: Skeleton) -> list[str]:
    """UsdSkel's joint paths: parent/child of names that USD allows, each once."""
    from pxr import Tf

    paths: list[str] = []
    for name, parent in zip(skeleton.names, skeleton.parents, strict=True):
        word = Tf.MakeValidIdentifier(name)
        above = f"{paths[parent]}/" if parent >= 0 else ""
        path, number = above + word, 1
        while path in paths:
            number += 1
            path = f"{above}{word}_{number}"
        paths.append(path)
    return paths


def _local(parents: tuple[int, ...], rotations: Array, positions: Array) -> tuple[Array, Array]:
    """Rotations [frames, bones, 3, 3] and positions [frames, bones, 3] relative to the parents."""
    local, steps = rotations.copy(), positions.copy()
    for bone, parent in enumerate(parents):
        if parent >= 0:
            local[:, bone] = transpose(rotations[:, parent]) @ rotations[:, bone]
            steps[:, bone] = rotate(transpose(rotations[:, parent]), positions[:, bone] - positions[:, parent])
    return local, steps


def _matrices(rotations: Array, positions: Array) -> Any:
    """USD's matrices, which act on rows."""
    from pxr import Vt

    matrices = np.tile(np.eye(4), (len(positions), 1, 1))  # [bones, 4, 4]
    matrices[:, :3, :3] = np.swapaxes(rotations, -1, -2)
    matrices[:, 3, :3] = positions
    return Vt.Matrix4dArray.FromNumpy(matrices)
