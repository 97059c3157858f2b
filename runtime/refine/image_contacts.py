"""Which feet stand, from the image: an ankle that does not move before a known or static camera is on the ground.

The network's contacts are sure on the keypoints that it was trained on and faint on those of a real detector.  What a
planted foot looks like needs no training: its ankle stays where a point that stands still in the world would be seen.
The two are combined as independent evidence, by their odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.keypoint_cleaning import LONGEST_GAP
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.motion.motion import FPS, Camera, Motion
from genmo.runtime.motion.rotation import length, rotate, transpose
from genmo.runtime.motion.skeleton import COCO_KEYPOINTS, JOINTS
from genmo.runtime.refine.reprojection_fit import normalised_rays
from genmo.runtime.support.arrays import Array, Flags

LAG = 3
"""frames over which an ankle's speed in the image is taken, before or after, whichever is slower"""
SLOW = 0.2
"""m/s across the view at which a foot is as likely to stand as to swing"""
STILL = 0.03
"""m/s, the speed of a resting ankle in the image"""
FAST = 100.0
"""m/s, beyond which speeds are not distinguished"""
STEEP = 4
"""power of the speed"""
LIFTED = 0.15
"""metres over the other foot from which a still foot is rather held in the air"""
FOR, AGAINST = 6.0, 1.0
"""the largest evidence for and against a contact, as a logarithm of odds; an ankle moves in a step that stands on its
ball, so little speaks against a contact and nothing against the ball's"""

DOUBTED, SURE = 0.35, 0.7
"""share of frames with a contact by the network below which the image decides, and above which the network does: it is
sure on keypoints like those that it was trained on, and the image takes a foot that swings towards the camera for one
that stands"""
SUPPORTED = 0.98
"""the contact of a foot that must stand because nothing else does"""
SAME_PLACE = 0.15
"""metres between the positions at which a foot stands before and after it was hidden"""
UNSURE = 0.05
"""the network's contact is no surer than that beside the image's"""

_NAMES = [name for name, _, _ in COCO_KEYPOINTS]
_KEYPOINTS = [_NAMES.index(f"{side}_ankle") for side in ("left", "right")]
_ANKLES = [JOINTS.index(f"{side}_ankle") for side in ("left", "right")]


def with_image_contacts(motion: Motion, spans: Sequence[KeypointSpan]) -> Motion:
    """The motion with the contacts of its feet changed by what the keypoints of `spans` show.

    A camera of which no poses are known counts as static.  Wrists keep theirs, and so do motions without contacts.
    """
    joints_camera = motion.joints_camera
    if motion.contacts is None or joints_camera is None:
        return motion
    contacts, ankles = motion.contacts.copy(), motion.joints_world()[:, _ANKLES, 1]
    lifted = ankles - ankles.min(axis=1, keepdims=True)
    for span in spans:
        frames = slice(span.start, span.end)
        depth = joints_camera[frames, _ANKLES, 2]
        doubt = network_doubt(standing(contacts[frames]))
        if doubt == 0:
            continue
        evidence = doubt * image_evidence(span.keypoints, depth, lifted[frames])
        toes = doubt * toe_evidence(span.keypoints, depth, lifted[frames])
        contacts[frames] = with_evidence(contacts[frames], evidence, toes)
        supported = still_supported(
            contacts[frames, 0:4:2] > 0.5, _ankle_positions(span.keypoints, depth), motion.translation[frames, 1]
        )
        contacts[frames, :4] = np.where(np.repeat(supported, 2, axis=1), SUPPORTED, contacts[frames, :4])
    return replace(motion, contacts=contacts)


def standing(contacts: Array) -> Flags:
    """Whether a foot stands in each frame [frames] by contacts [frames, 6]."""
    return np.asarray(contacts[:, :4].max(axis=1) > 0.5)


def network_doubt(stood: Flags) -> float:
    """How far the image decides, 0 to 1, beside the network, by which a foot `stood` or did not in frames [frames]."""
    return float(np.clip((SURE - float(stood.mean())) / (SURE - DOUBTED), 0, 1))


def image_evidence(keypoints: Keypoints, depth: Array, lifted: Array) -> Array:
    """Logarithm of the odds [frames, 2] that the left and right foot stand, -AGAINST to FOR; 0 where hidden.

    `depth` [frames, 2] of the ankles and how far they are `lifted` [frames, 2] over the other foot, metres.
    """
    rays, weight = normalised_rays(keypoints, keypoints.frames)
    return _evidence(rays[:, _KEYPOINTS], weight[:, _KEYPOINTS], depth, lifted, keypoints.camera)


def toe_evidence(keypoints: Keypoints, depth: Array, lifted: Array) -> Array:
    """`image_evidence` of the toes, which stand for as long as the ball does; 0 where the detector gives none."""
    if keypoints.feet is None:
        return np.zeros_like(depth)
    rays, weight = normalised_rays(replace(keypoints, points=keypoints.feet[:, 1::2]), keypoints.frames)
    return _evidence(rays, weight, depth, lifted, keypoints.camera)


def _evidence(rays: Array, weight: Array, depth: Array, lifted: Array, camera: Camera | None) -> Array:
    """Evidence [frames, 2] of one point of each foot, at `rays` [frames, 2, 2] with `weight` [frames, 2]."""
    speed = image_speed(rays, weight, depth, camera)
    likely = STEEP * np.log(SLOW / (np.minimum(speed, FAST) + STILL))
    # a foot that is held still in the air is as little evidence as one that is not visible
    share = weight * np.isfinite(speed) * np.where(likely > 0, np.exp(-((lifted / LIFTED) ** 2)), 1)
    return np.asarray(share * np.clip(likely, -AGAINST, FOR))


def image_speed(rays: Array, weight: Array, depth: Array, camera: Camera | None, lag: int = LAG) -> Array:
    """Speed in m/s across the view [frames, points] of points seen at `rays` [frames, points, 2] on the plane at depth
    1, against points that stand still in the world at their `depth` [frames, points].

    Over `lag` frames before or after, whichever is slower; infinite where neither has weight [frames, points].
    """
    frames = len(rays)
    speed = np.full(rays.shape[:2], np.inf)
    lag = min(lag, frames - 1)
    if lag < 1:
        return speed
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * depth[..., None]  # [frames, points, 3]
    now, then = slice(None, -lag), slice(lag, None)
    for source, target in ((now, then), (then, now)):
        projected = _reprojected(camera, points[source], source, target)
        moved = length(rays[target] - projected[..., :2] / np.maximum(projected[..., 2:], 1e-3))
        slower = np.where(
            np.minimum(weight[source], weight[target]) > 0, moved * np.abs(depth[source]) * FPS / lag, np.inf
        )
        speed[source] = np.minimum(speed[source], slower)
    return speed


def still_supported(standing: Flags, positions: Array, height: Array) -> Flags:
    """Frames in which a foot stands although it seems to have left the ground [frames, 2].

    Nobody hangs in the air: where neither foot stands (`standing` [frames, 2]) for up to LONGEST_GAP frames between
    two in which the same foot stands at the same place (`positions` [frames, 2, 3], metres) and the pelvis (`height`
    [frames]) does not rise and fall as in a jump, it stood there all the time, hidden by the other leg.
    """
    supported = np.zeros_like(standing)
    for foot in (0, 1):
        standing_frames = np.flatnonzero(standing[:, foot])
        for before, after in zip(standing_frames[:-1], standing_frames[1:], strict=True):
            gap = slice(before + 1, after)
            if not 1 < after - before <= LONGEST_GAP + 1 or standing[gap, 1 - foot].any():
                continue
            rise = height[gap].max() - (height[before] + height[after]) / 2
            jump = 9.81 * ((after - before) / FPS) ** 2 / 8
            same_place = np.linalg.norm(positions[after, foot] - positions[before, foot]) < SAME_PLACE
            supported[gap, foot] = same_place and rise < jump / 2
    return supported


def _ankle_positions(keypoints: Keypoints, depth: Array) -> Array:
    """Observed ankles [frames, 2, 3], metres, in the world of the camera or in a static camera's frame; all at their
    mean `depth` [frames, 2], since a depth comes from the whole body and not from an ankle."""
    rays = normalised_rays(keypoints, keypoints.frames)[0][:, _KEYPOINTS]
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * depth.mean(axis=0)[:, None]
    camera = keypoints.camera
    return points if camera is None else camera.position[:, None] + rotate(camera.rotation[:, None], points)


def _reprojected(camera: Camera | None, points: Array, source: slice, target: slice) -> Array:
    """Points [frames, n, 3] in the camera of the frames `source`, as the camera of the frames `target` has them."""
    if camera is None:
        return points
    world = camera.position[source, None] + rotate(camera.rotation[source, None], points)
    return rotate(transpose(camera.rotation[target, None]), world - camera.position[target, None])


def with_evidence(contacts: Array, evidence: Array, toes: Array | float = 0.0) -> Array:
    """Contacts [frames, 6] of a Motion after the `evidence` [frames, 2] of each foot's ankle, which counts for its
    ball too where it stands, as that of its `toes` [frames, 2] does."""
    changed = contacts.copy()
    changed[:, 0:4:2] = _combined(contacts[:, 0:4:2], evidence)
    changed[:, 1:4:2] = _combined(contacts[:, 1:4:2], np.maximum(np.maximum(evidence, toes), 0))
    return changed


def _combined(contacts: Array, evidence: Array) -> Array:
    """Contacts whose odds are multiplied by exp(`evidence`)."""
    likely = np.clip(contacts, UNSURE, 1 - UNSURE)
    odds = likely / (1 - likely) * np.exp(evidence)
    combined = odds / (1 + odds)
    return np.where(evidence > 0, np.maximum(contacts, combined), np.minimum(contacts, combined))
