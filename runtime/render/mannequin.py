"""A mannequin around any rest skeleton: the body that the glb, html and svg writers show.

The body is a list of round cones fixed to joints.  The svg writer strokes them as they are; the other writers show
the smooth skin that `round_cones` melts them into.  No scan and no licensed template is involved, so files that carry
this mesh are free to share.

Frame: the rest pose of `genmo.runtime.motion.skeleton` (T-pose facing +z, left is +x, y up, metres), pelvis at the
origin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from genmo.runtime.motion.skeleton import (
    JOINT_COUNT,
    JOINTS,
    PARENTS,
    rest_joints,
    shape_space,
    sole_ends,
    sole_heights,
    stature,
)
from genmo.runtime.render.round_cones import Integers, Shape, Side, near_pairs, smooth_surface
from genmo.runtime.support.arrays import Array

Point = tuple[str, float, float, float]

GROUND = 0.0  # metres, the floor of every picture: a motion that is not on it is to be seen so
SKIN_BLEND = 0.018  # metres; how far the skin weights of neighbouring parts mix
INFLUENCES = 4  # joints a vertex may follow: what glTF and most engines take


@dataclass(frozen=True)
class Part:
    """One round cone of the body, in metres of the mean body.

    `start` and `end` are a joint (or another of `_anchors`) and a place in that joint's rest frame.  `flat` < 1
    squashes the part along `flat_axis` (0 x, 1 y, 2 z) of the rest frame.
    """

    joint: str
    start: Point
    end: Point
    radii: tuple[float, float]
    flat: float = 1.0
    flat_axis: int = 2


_MIDDLE = (
    Part("pelvis", ("pelvis", 0.0, -0.035, -0.026), ("spine2", 0.0, -0.02, 0.010), (0.148, 0.118), 0.67),
    Part("spine2", ("spine2", 0.0, -0.03, 0.016), ("spine2", 0.0, 0.06, 0.018), (0.122, 0.134), 0.70),
    Part("spine3", ("spine3", 0.0, -0.055, 0.016), ("spine3", 0.0, 0.030, 0.008), (0.134, 0.152), 0.70),
    Part("neck", ("neck", 0.0, -0.01, -0.002), ("head", 0.0, 0.01, 0.004), (0.058, 0.049)),
    Part("head", ("head", 0.0, 0.098, 0.006), ("head", 0.0, 0.034, 0.038), (0.088, 0.055)),
    Part("head", ("head", 0.0, 0.066, 0.095), ("head", 0.0, 0.045, 0.106), (0.009, 0.013)),
)
_LEFT = (
    Part("pelvis", ("left_hip", -0.012, -0.03, -0.044), ("left_hip", -0.008, 0.02, -0.034), (0.076, 0.066)),
    Part("left_hip", ("left_hip", 0.004, 0.0, -0.004), ("left_knee", 0.0, 0.03, 0.0), (0.083, 0.053)),
    Part("left_knee", ("left_knee", 0.0, 0.0, 0.004), ("left_ankle", 0.0, 0.0, 0.0), (0.050, 0.034)),
    Part("left_knee", ("left_knee", 0.004, -0.06, -0.012), ("left_knee", 0.004, -0.17, -0.016), (0.046, 0.041)),
    Part("left_ankle", ("left_heel", 0.0, 0.0, 0.0), ("left_ball", 0.0, 0.027, -0.005), (0.034, 0.027)),
    Part("left_ankle", ("left_ankle", 0.0, 0.0, 0.0), ("left_ball", 0.0, 0.032, -0.012), (0.035, 0.027)),
    Part("left_foot", ("left_ball", 0.0, 0.027, 0.0), ("left_toes", 0.002, 0.0, 0.0), (0.027, 0.016)),
    Part("left_foot", ("left_ball", 0.020, 0.025, 0.0), ("left_ball", 0.016, 0.025, 0.045), (0.021, 0.015)),
    Part(
        "spine3",
        ("left_collar", 0.055, -0.055, 0.048),
        ("left_collar", 0.085, -0.045, 0.045),
        (0.060, 0.060),
        0.8,
    ),
    Part("left_collar", ("left_collar", 0.03, -0.012, -0.004), ("left_shoulder", 0.0, 0.0, 0.0), (0.062, 0.060)),
    Part("left_shoulder", ("left_shoulder", 0.0, 0.0, 0.0), ("left_elbow", -0.02, 0.0, 0.0), (0.052, 0.037)),
    Part("left_elbow", ("left_elbow", 0.0, 0.0, 0.0), ("left_wrist", -0.02, 0.0, 0.0), (0.038, 0.026)),
    Part("left_wrist", ("left_wrist", -0.005, 0.0, 0.0), ("left_hand", 0.0, 0.0, 0.0), (0.030, 0.042), 0.55, 1),
    Part("left_hand", ("left_hand", 0.0, 0.0, 0.0), ("left_hand", 0.075, -0.004, 0.0), (0.041, 0.027), 0.5, 1),
    Part(
        "left_wrist",
        ("left_wrist", 0.025, -0.004, 0.022),
        ("left_wrist", 0.082, -0.01, 0.062),
        (0.019, 0.013),
    ),
)


@dataclass(frozen=True, eq=False)
class BodyMesh:
    """A skinned triangle mesh in the rest pose."""

    vertices: Array
    """[vertices, 3] metres, pelvis at the origin, float32"""
    normals: Array
    """[vertices, 3] unit, outward, float32"""
    faces: Integers
    """[faces, 3] counter-clockwise seen from outside, uint16"""
    joints: Integers
    """[vertices, 4] joint indices, uint8; an unused slot is joint 0 with weight 0"""
    weights: Array
    """[vertices, 4] not negative, each row sums to 1, float32"""


def _mirrored(part: Part) -> Part:
    """The right side's part of the left side's."""

    def other(point: Point) -> Point:
        return point[0].replace("left_", "right_"), -point[1], point[2], point[3]

    return replace(part, joint=part.joint.replace("left_", "right_"), start=other(part.start), end=other(part.end))


def _anchors(offsets: Array) -> dict[str, Array]:
    """Places [3] that parts are built from: the joints at rest, the floor under each ball, the sole's ends."""
    anchors = dict(zip(JOINTS, rest_joints(offsets), strict=True))
    soles, ends = sole_heights(offsets), sole_ends(offsets)
    for k, side in enumerate(("left", "right")):
        ankle, foot = anchors[f"{side}_ankle"], anchors[f"{side}_foot"]
        anchors[f"{side}_ball"] = np.asarray([foot[0], soles[k], foot[2]])
        anchors[f"{side}_heel"], anchors[f"{side}_toes"] = ankle + ends.heels[k], foot + ends.toes[k]
    return anchors


def body_shapes(offsets: Array) -> list[Shape]:
    """The parts of the body on rest offsets [24, 3] in metres; thickness grows with the stature."""
    offsets = np.asarray(offsets, np.float64)
    scale = stature(offsets) / stature(shape_space().mean)
    anchors = _anchors(offsets)
    sides: tuple[tuple[Side, tuple[Part, ...]], ...] = (
        ("middle", _MIDDLE),
        ("left", _LEFT),
        ("right", tuple(_mirrored(part) for part in _LEFT)),
    )

    def place(point: Point) -> Array:
        return np.asarray(anchors[point[0]] + scale * np.asarray(point[1:]))

    return [
        Shape(
            joint=JOINTS.index(part.joint),
            side=side,
            start=place(part.start),
            end=place(part.end),
            radii=(scale * part.radii[0], scale * part.radii[1]),
            flat=part.flat,
            flat_axis=part.flat_axis,
        )
        for side, parts in sides
        for part in parts
    ]


def _relatives() -> Integers:
    """[24, most] each joint with its parent and children in order, then -1: the joints that may share a vertex."""
    rows = [
        [other for other in range(JOINT_COUNT) if other == joint or PARENTS[other] == joint or PARENTS[joint] == other]
        for joint in range(JOINT_COUNT)
    ]
    most = max(len(row) for row in rows)
    return np.asarray([row + [-1] * (most - len(row)) for row in rows])


def _skin_weights(shapes: list[Shape], points: Array) -> tuple[Integers, Array]:
    """Four joints [n, 4] and weights [n, 4] of points [n, 3]: a soft minimum over the distances to the parts.

    A vertex follows only the joint of its nearest part and that joint's parent and children, so that
    skin never sticks to a limb that merely happens to be near in the T-pose.
    """
    pairs = near_pairs(shapes, points, 5 * SKIN_BLEND)  # beyond, a weight is under one in a hundred
    nearest = np.full((len(points), JOINT_COUNT), np.inf, np.float32)
    joint = np.asarray([shape.joint for shape in shapes])[pairs.part]
    np.minimum.at(nearest, (pairs.point, joint), pairs.distance(points))
    relatives = _relatives()[nearest.argmin(axis=1)]  # [n, most]
    excess = np.take_along_axis(nearest, relatives, axis=1) - nearest.min(axis=1, keepdims=True)
    weights = np.where(relatives >= 0, np.exp(-excess / SKIN_BLEND), 0.0)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    joints, kept = (np.take_along_axis(values, order, axis=1) for values in (relatives, weights))
    kept = np.where(kept < 0.01, 0.0, kept)
    return np.where(kept > 0, joints, 0), kept / kept.sum(axis=1, keepdims=True)


def body_mesh(offsets: Array) -> BodyMesh:
    """The mannequin for rest offsets [24, 3] in metres; the last few bodies are remembered."""
    return _body_mesh(np.ascontiguousarray(offsets, np.float64).tobytes())


@lru_cache(maxsize=4)
def _body_mesh(stored: bytes) -> BodyMesh:
    offsets = np.frombuffer(stored).reshape(JOINT_COUNT, 3)
    shapes, soles = body_shapes(offsets), sole_heights(offsets)
    vertices, normals, faces = smooth_surface(shapes, soles)
    joints, weights = _skin_weights(shapes, vertices)
    return BodyMesh(
        vertices=vertices,
        normals=normals,
        faces=faces.astype(np.uint16),
        joints=joints.astype(np.uint8),
        weights=weights.astype(np.float32),
    )
