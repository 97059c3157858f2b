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
from genmo.runtime.render.mesh_grid import body_grid
from genmo.runtime.render.round_cones import BLEND, Integers, Shape, Side, near_pairs, smooth_surface
from genmo.runtime.support.arrays import Array

Point = tuple[str, float, float, float]

GROUND = 0.0  # metres, the floor of every picture: a motion that is not on it is to be seen so
SKIN_BLEND = 0.018  # metres; how far the skin weights of neighbouring parts mix
SOFTENINGS = 6  # times that each vertex takes over half of its neighbours' weights: creases become bends
FEET = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")]
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
    blend: float = BLEND


SOFT, FINE, FINGER = (
    0.009,
    0.006,
    0.0035,
)  # metres; how far small parts melt: forms of the face; nose, ears, palm; fingers

_MIDDLE = (
    Part("pelvis", ("pelvis", 0.0, -0.035, -0.026), ("spine1", 0.0, 0.02, 0.018), (0.145, 0.124), 0.67),
    Part("spine1", ("spine1", 0.0, 0.02, 0.022), ("spine2", 0.0, 0.01, 0.012), (0.117, 0.113), 0.70),
    Part("spine2", ("spine2", 0.0, -0.01, 0.016), ("spine2", 0.0, 0.06, 0.018), (0.116, 0.132), 0.70),
    Part("spine3", ("spine3", 0.0, -0.055, 0.016), ("spine3", 0.0, 0.030, 0.008), (0.134, 0.150), 0.70),
    Part("neck", ("neck", 0.0, -0.01, -0.002), ("head", 0.0, 0.01, 0.002), (0.061, 0.055)),
    # cranium, face, chin, nose, mouth
    Part("head", ("head", 0.0, 0.112, -0.010), ("head", 0.0, 0.104, 0.022), (0.091, 0.084), 0.86, 0),
    Part("head", ("head", 0.0, 0.064, 0.038), ("head", 0.0, 0.014, 0.048), (0.063, 0.045), 0.88, 0),
    Part("head", ("head", -0.008, -0.006, 0.079), ("head", 0.008, -0.006, 0.079), (0.019, 0.019), blend=SOFT),
    Part("head", ("head", 0.0, 0.090, 0.098), ("head", 0.0, 0.054, 0.117), (0.010, 0.0125), blend=FINE),
    Part("head", ("head", -0.011, 0.024, 0.086), ("head", 0.011, 0.024, 0.086), (0.014, 0.014), blend=SOFT),
)
_LEFT = (
    # brow, cheekbone, ear
    Part("head", ("head", 0.012, 0.098, 0.093), ("head", 0.046, 0.095, 0.071), (0.0145, 0.0145), blend=SOFT),
    Part("head", ("head", 0.034, 0.052, 0.068), ("head", 0.044, 0.054, 0.048), (0.020, 0.020), blend=SOFT),
    Part("head", ("head", 0.080, 0.084, -0.010), ("head", 0.076, 0.050, -0.003), (0.017, 0.011), 0.5, 0, FINE),
    # hip, thigh, knee, shin, calf
    Part("pelvis", ("left_hip", -0.012, -0.03, -0.044), ("left_hip", -0.008, 0.02, -0.034), (0.076, 0.066)),
    Part("left_hip", ("left_hip", 0.004, 0.0, -0.004), ("left_knee", 0.0, 0.03, 0.0), (0.083, 0.053)),
    Part("left_knee", ("left_knee", 0.0, 0.012, 0.022), ("left_knee", 0.0, -0.03, 0.018), (0.034, 0.032), blend=FINE),
    Part("left_knee", ("left_knee", 0.0, 0.0, 0.002), ("left_ankle", 0.0, 0.0, 0.0), (0.049, 0.033)),
    Part("left_knee", ("left_knee", 0.004, -0.06, -0.014), ("left_knee", 0.004, -0.19, -0.016), (0.045, 0.037)),
    # heel, instep, ball, toes
    Part("left_ankle", ("left_heel", 0.0, 0.0, 0.0), ("left_ball", 0.0, 0.027, -0.005), (0.034, 0.027)),
    Part("left_ankle", ("left_ankle", 0.0, 0.0, 0.0), ("left_ball", 0.0, 0.032, -0.012), (0.035, 0.027)),
    Part("left_foot", ("left_ball", -0.002, 0.027, 0.0), ("left_toes", -0.004, 0.0, 0.0), (0.027, 0.017)),
    Part("left_foot", ("left_ball", 0.018, 0.025, 0.0), ("left_ball", 0.015, 0.024, 0.045), (0.021, 0.015)),
    # chest, shoulder, arm
    Part(
        "spine3",
        ("left_collar", 0.055, -0.055, 0.048),
        ("left_collar", 0.085, -0.045, 0.045),
        (0.060, 0.060),
        0.8,
    ),
    Part("left_collar", ("left_collar", 0.03, -0.012, -0.004), ("left_shoulder", -0.01, 0.004, 0.0), (0.060, 0.056)),
    Part("left_shoulder", ("left_shoulder", 0.0, -0.004, 0.0), ("left_shoulder", 0.06, -0.004, 0.0), (0.058, 0.050)),
    Part("left_shoulder", ("left_shoulder", 0.04, 0.0, 0.0), ("left_elbow", -0.02, 0.0, 0.0), (0.048, 0.037)),
    Part("left_elbow", ("left_elbow", 0.0, 0.0, 0.0), ("left_wrist", -0.02, 0.0, 0.0), (0.038, 0.025)),
    Part("left_elbow", ("left_elbow", 0.05, 0.0, 0.0), ("left_elbow", 0.11, 0.0, 0.0), (0.038, 0.034)),
    # palm, four fingers, ball of the thumb, thumb
    Part("left_wrist", ("left_wrist", -0.005, 0, 0), ("left_hand", -0.006, 0, 0), (0.029, 0.040), 0.42, 1, FINE),
    *(
        Part("left_hand", ("left_hand", -0.016, 0.0, z), ("left_hand", long, drop, 1.06 * z), radii, blend=FINGER)
        for z, long, drop, radii in (
            (0.0310, 0.068, -0.015, (0.0118, 0.0102)),
            (0.0104, 0.078, -0.016, (0.0120, 0.0104)),
            (-0.0104, 0.071, -0.018, (0.0118, 0.0100)),
            (-0.0305, 0.052, -0.017, (0.0108, 0.0092)),
        )
    ),
    Part(
        "left_wrist",
        ("left_wrist", 0.020, -0.006, 0.020),
        ("left_wrist", 0.052, -0.012, 0.046),
        (0.019, 0.016),
        blend=FINE,
    ),
    Part(
        "left_wrist",
        ("left_wrist", 0.050, -0.012, 0.045),
        ("left_wrist", 0.094, -0.016, 0.070),
        (0.0140, 0.0112),
        blend=FINGER,
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
            blend=scale * part.blend,
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


def _skin_weights(shapes: list[Shape], points: Array, faces: Integers) -> tuple[Integers, Array]:
    """Four joints [n, 4] and weights [n, 4] of points [n, 3] with triangles [m, 3].

    They are a soft minimum over the distances to the parts, softened along the skin.

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
    every = np.zeros((len(points), JOINT_COUNT + 1))  # the last column takes the relatives that are none
    np.put_along_axis(every, relatives, weights, axis=1)
    hard = every[:, :JOINT_COUNT] / weights.sum(axis=1, keepdims=True)
    feet = np.isin(nearest.argmin(axis=1), FEET)[:, None]  # soles stay as flat as they are planted
    every = np.where(feet, hard, _softened(hard, faces))
    joints = np.argsort(-every, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(every, joints, axis=1)
    kept = np.where(kept < 0.01, 0.0, kept)
    return np.where(kept > 0, joints, 0), kept / kept.sum(axis=1, keepdims=True)


def _softened(weights: Array, faces: Integers) -> Array:
    """Weights [n, joints] mixed with those of the neighbours along the triangles' edges."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[np.argsort(edges[:, 0], kind="stable")]  # a closed surface names each edge once from either end
    starts = np.searchsorted(edges[:, 0], np.arange(len(weights)))
    count = np.bincount(edges[:, 0], minlength=len(weights))[:, None]
    for _ in range(SOFTENINGS):
        beside: Array = np.add.reduceat(weights[edges[:, 1]], starts)
        weights = np.asarray(0.5 * weights + 0.5 * beside / count)
    return weights


def body_mesh(offsets: Array) -> BodyMesh:
    """The mannequin for rest offsets [24, 3] in metres; the last few bodies are remembered."""
    return _body_mesh(np.ascontiguousarray(offsets, np.float64).tobytes())


@lru_cache(maxsize=4)
def _body_mesh(stored: bytes) -> BodyMesh:
    offsets = np.frombuffer(stored).reshape(JOINT_COUNT, 3)
    shapes, soles = body_shapes(offsets), sole_heights(offsets)
    scale = stature(offsets) / stature(shape_space().mean)
    reach = np.stack([np.minimum(shape.start, shape.end) - max(shape.radii) for shape in shapes])
    extent = np.stack([np.maximum(shape.start, shape.end) + max(shape.radii) for shape in shapes])
    grid = body_grid(rest_joints(offsets), soles, scale, reach.min(axis=0), extent.max(axis=0))
    vertices, normals, faces = smooth_surface(shapes, soles, grid)
    joints, weights = _skin_weights(shapes, vertices, faces)
    return BodyMesh(
        vertices=vertices,
        normals=normals,
        faces=faces.astype(np.uint16),
        joints=joints.astype(np.uint8),
        weights=weights.astype(np.float32),
    )
