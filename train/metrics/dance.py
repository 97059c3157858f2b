"""Metrics of dance: the features behind FID_k, FID_g, Div_k and Div_g of AIST++, foot contact (PFC), beats (BAS).

World joints [frames, 24, 3] in SMPL order, metres, y up.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genmo.runtime.motion.filters import gaussian
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.metrics.sets import diversity, frechet_distance

WINDOW = 2
"""frames on either side over which kinetic features average a velocity"""
SPREAD = 0.05
"""seconds; width of the Gaussian around a beat (3 frames of 60 a second, Siyao et al. 2022)"""
SMOOTHING = 5 / 60
"""seconds; width of the Gaussian that smooths joint speeds before their minima are kinematic beats"""

STILL = 1e-6
"""metres a frame and frame; a root that accelerates less is taken to coast (rounding is below)"""

# Rest lengths of the SMPL template that the published features use as units, metres.
UPPER_ARM, SHOULDERS, HIPS = 0.256838, 0.390848, 0.119247


def _checked(joints: Array, frames: int) -> Array:
    joints = np.asarray(joints, np.float64)
    if joints.shape[1:] != (JOINT_COUNT, 3) or len(joints) < frames:
        raise InputError(f"got joints of shape {joints.shape}; wanted [at least {frames} frames, {JOINT_COUNT}, 3]")
    return joints


def _window_mean(steps: Array, first: int, frames: int) -> Array:
    """Means [frames, ...] of `steps` in windows around frames 1, 2, ...; step s belongs to frame s + `first`."""
    sums = np.concatenate([np.zeros_like(steps[:1]), np.cumsum(steps, axis=0)])
    centre = np.arange(1, frames + 1) - first
    low, high = np.clip(centre - WINDOW, 0, len(steps)), np.clip(centre + WINDOW + 1, 0, len(steps))
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None, None])


def kinetic_features(joints: Array, fps: float, *, published: bool = False) -> Array:
    """[72] of world joints [frames, 24, 3]: horizontal and vertical kinetic energy and energy expenditure a joint.

    Onuma et al. (2008) as AIST++ computes them: velocities and accelerations averaged over 5 frames, squared (the
    acceleration: its length), averaged over time.  `published` repeats a misplaced bracket of the code behind
    published tables: the middle position of an acceleration is partly divided by the time of a frame once, not twice.
    Raises InputError under 3 frames.
    """
    joints = _checked(joints, 3)
    frames = len(joints) - 1
    velocity = _window_mean(np.diff(joints, axis=0) * fps, 1, frames)
    steps = np.diff(joints, n=2, axis=0) * fps**2
    if published:
        steps += joints[1:-1] * (fps**2 - fps)
    acceleration = _window_mean(steps, 1, frames)
    energies = [
        (velocity[..., [0, 2]] ** 2).sum(axis=-1).mean(axis=0),
        (velocity[..., 1] ** 2).mean(axis=0),
        np.linalg.norm(acceleration, axis=-1).mean(axis=0),
    ]
    return np.stack(energies, axis=-1).reshape(-1)


# The 32 relations of Mueller et al. (2005) as AIST++ chose them, right before left.  `lengths` in the named unit.
# nmove: a point's velocity against j1 along the normal of the plane (j1, j2, j3).  move: the velocity of j3 against j1
# along j1 -> j2 (the published code names a fourth joint and does not use it).  plane: distance from the plane
# (j1, j2, j3).  nplane: height over a plane with normal j1 -> j2 through j3.  angle: between j1 -> j2 and j3 -> j4.
# As published, "nmove" and "plane" of the right do not mirror the left: normals turn with the order of joints.
_RELATIONS: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = (
    ("nmove", ("neck", "right_hip", "left_hip", "right_wrist"), (1.8 * UPPER_ARM,)),
    ("nmove", ("neck", "left_hip", "right_hip", "left_wrist"), (1.8 * UPPER_ARM,)),
    ("nplane", ("spine3", "neck", "neck", "right_wrist"), (0.2 * UPPER_ARM,)),
    ("nplane", ("spine3", "neck", "neck", "left_wrist"), (0.2 * UPPER_ARM,)),
    ("move", ("spine1", "spine3", "spine3"), (1.8 * UPPER_ARM,)),
    ("move", ("spine1", "spine3", "spine3"), (1.8 * UPPER_ARM,)),
    ("angle", ("right_elbow", "right_shoulder", "right_elbow", "right_wrist"), (0, 110)),
    ("angle", ("left_elbow", "left_shoulder", "left_elbow", "left_wrist"), (0, 110)),
    ("nplane", ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist"), (2.5 * SHOULDERS,)),
    ("move", ("left_wrist", "right_wrist", "right_wrist"), (1.4 * UPPER_ARM,)),
    ("move", ("right_wrist", "pelvis", "left_wrist"), (1.4 * UPPER_ARM,)),
    ("move", ("left_wrist", "pelvis", "right_wrist"), (1.4 * UPPER_ARM,)),
    ("fast", ("right_wrist",), (2.5 * UPPER_ARM,)),
    ("fast", ("left_wrist",), (2.5 * UPPER_ARM,)),
    ("plane", ("pelvis", "left_hip", "left_foot", "right_ankle"), (0.38 * UPPER_ARM,)),
    ("plane", ("pelvis", "right_hip", "right_foot", "left_ankle"), (0.38 * UPPER_ARM,)),
    ("nplane", ("zero", "up", "floor", "right_ankle"), (1.2 * UPPER_ARM,)),
    ("nplane", ("zero", "up", "floor", "left_ankle"), (1.2 * UPPER_ARM,)),
    ("nplane", ("left_hip", "right_hip", "left_ankle", "right_ankle"), (2.1 * HIPS,)),
    ("angle", ("right_knee", "right_hip", "right_knee", "right_ankle"), (0, 110)),
    ("angle", ("left_knee", "left_hip", "left_knee", "left_ankle"), (0, 110)),
    ("fast", ("right_ankle",), (2.5 * UPPER_ARM,)),
    ("fast", ("left_ankle",), (2.5 * UPPER_ARM,)),
    ("angle", ("neck", "pelvis", "right_shoulder", "right_elbow"), (25, 180)),
    ("angle", ("neck", "pelvis", "left_shoulder", "left_elbow"), (25, 180)),
    ("angle", ("neck", "pelvis", "right_hip", "right_knee"), (50, 180)),
    ("angle", ("neck", "pelvis", "left_hip", "left_knee"), (50, 180)),
    ("plane", ("right_ankle", "neck", "left_ankle", "pelvis"), (0.5 * UPPER_ARM,)),
    ("angle", ("neck", "pelvis", "zero", "up"), (70, 110)),
    ("nplane", ("zero", "down", "floor", "right_wrist"), (-1.2 * UPPER_ARM,)),
    ("nplane", ("zero", "down", "floor", "left_wrist"), (-1.2 * UPPER_ARM,)),
    ("fast", ("pelvis",), (2.3 * UPPER_ARM,)),
)
_FIXED = {"zero": (0.0, 0.0, 0.0), "up": (0.0, 1.0, 0.0), "down": (0.0, -1.0, 0.0)}


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(axis=-1))


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12))


def _track(joints: Array, name: str) -> Array:
    """Path [frames, 3] of a joint, of a fixed point, or of the point of the y axis level with the lowest joint."""
    if name in _FIXED:
        return np.broadcast_to(np.asarray(_FIXED[name]), (len(joints), 3))
    if name == "floor":
        return np.asarray(joints[..., 1].min(axis=1)[:, None] * np.array([0.0, 1.0, 0.0]))
    return joints[:, JOINTS.index(name)]


def _relation(kind: str, now: list[Array], before: list[Array], frame_time: float) -> Array:
    """The quantity [frames - 1] that a relation compares with its threshold."""
    if kind == "fast":
        return np.asarray(np.linalg.norm(now[0] - before[0], axis=-1) / frame_time)
    if kind == "move":
        moved = (now[2] - now[0]) - (before[2] - before[0])
        return _dot(moved, _unit(now[1] - now[0])) / frame_time
    if kind == "angle":
        cosine = _dot(_unit(now[1] - now[0]), _unit(now[3] - now[2]))
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if kind == "nplane":
        return _dot(_unit(now[1] - now[0]), now[3] - now[2])
    normal = _unit(np.cross(now[2] - now[0], now[1] - now[0]))
    if kind == "plane":
        return _dot(normal, now[3] - now[0])
    return _dot(normal, (now[3] - now[0]) - (before[3] - before[0])) / frame_time


def geometric_features(joints: Array, fps: float) -> Array:
    """[32] of world joints [frames, 24, 3]: the share of frames in which each geometric relation holds.

    Mueller et al. (2005) in the selection of AIST++.  Its code takes 1/120 s for the time of a frame whatever the data;
    pass fps = 120 to repeat its numbers.  Raises InputError under 2 frames.
    """
    joints = _checked(joints, 2)
    shares = []
    for kind, names, bounds in _RELATIONS:
        tracks = [_track(joints, name) for name in names]
        value = _relation(kind, [t[1:] for t in tracks], [t[:-1] for t in tracks], 1 / fps)
        holds = (value > bounds[0]) & (value < bounds[1]) if len(bounds) == 2 else value > bounds[0]
        shares.append(float(holds.mean()))
    return np.asarray(shares)


def dance_table(generated: list[Array], real: list[Array], fps: float, *, published: bool = False) -> dict[str, float]:
    """FID_k, FID_g, Div_k and Div_g of made motions, and Div of the real ones; joints [frames, 24, 3] each.

    As AIST++: paths start with the root at the origin, features are scaled by mean and spread of the real ones.
    `published`: with the two slips of the code that published tables come from (motions must then have 60 fps).
    """
    table: dict[str, float] = {}
    extractors: dict[str, Callable[[Array], Array]] = {
        "k": lambda joints: kinetic_features(joints, fps, published=published),
        "g": lambda joints: geometric_features(joints, 120.0 if published else fps),
    }
    for letter, extract in extractors.items():
        sets = [np.stack([extract(joints - joints[:1, :1]) for joints in motions]) for motions in (real, generated)]
        mean, spread = sets[0].mean(axis=0), sets[0].std(axis=0)
        # a relation that no real motion differs in says nothing; dividing by its spread of zero would say everything
        kept = spread > 1e-8
        truth, answer = ((features - mean)[:, kept] / spread[kept] for features in sets)
        table |= {
            f"FID_{letter}": frechet_distance(answer, truth),
            f"Div_{letter}": diversity(answer),
            f"Div_{letter} of real": diversity(truth),
        }
    return table


def pfc(joints: Array, fps: float) -> float:
    """Physical foot contact score of world joints [frames, 24, 3], times 10^4 (Tseng et al. 2023, section 4.2).

    A root can only accelerate while a foot stands.  Mean over time of |root acceleration| (downward set to zero,
    divided by its largest value) times the lesser horizontal speed (metres a frame of 30 a second) of either foot.
    0 for a root that coasts.  Raises InputError under 3 frames.
    """
    joints = _checked(joints, 3)
    acceleration = np.diff(joints[:, 0], n=2, axis=0)
    acceleration[:, 1] = np.maximum(acceleration[:, 1], 0)
    push = np.linalg.norm(acceleration, axis=-1)
    steps = np.linalg.norm(np.diff(joints[1:, :, [0, 2]], axis=0), axis=-1) * fps / 30
    slowest = [
        np.minimum(steps[:, JOINTS.index(f"{side}_ankle")], steps[:, JOINTS.index(f"{side}_foot")])
        for side in ("left", "right")
    ]
    return float(1e4 * (slowest[0] * slowest[1] * push).mean() / max(float(push.max()), STILL))


def kinematic_beats(joints: Array, fps: float) -> Array:
    """Times in seconds [beats] at which the mean joint speed, smoothed over 1/12 s, has a local minimum."""
    joints = _checked(joints, 2)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=-1)
    width = SMOOTHING * fps
    reach = max(1, int(4 * width + 0.5))
    smooth = np.convolve(np.pad(speed, reach, mode="symmetric"), gaussian(width, reach), mode="valid")
    inner = smooth[1:-1]
    return np.asarray((1 + np.flatnonzero((inner < smooth[:-2]) & (inner <= smooth[2:]))) / fps)


def beat_alignment(from_beats: Array, to_beats: Array) -> float:
    """BAS: mean of exp(-d^2 / (2 0.05^2)), d = seconds from each of `from_beats` to the nearest of `to_beats`.

    Li et al. (2021) and the paper's appendix B go from kinematic beats to musical ones; Siyao et al. (2022) and the
    tables that quote them go from musical beats to kinematic ones.  0 when either is empty.
    """
    if not len(from_beats) or not len(to_beats):
        return 0.0
    nearest = np.abs(np.asarray(from_beats)[:, None] - np.asarray(to_beats)[None]).min(axis=1)
    return float(np.exp(-0.5 * (nearest / SPREAD) ** 2).mean())
