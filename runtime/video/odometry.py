"""The camera's turns over a video, from its background: `--camera vo`.

Corners of the background (Harris and Stephens, 1988) are followed from frame to frame (Lucas and Kanade, 1981, in
pyramids, forwards and backwards).  Between keyframes, which are as far apart as the matches allow, one model of
`two_view` is chosen; the frames between take their rotation from the same points, so that errors add up per keyframe
and not per frame.  A camera that stands still keeps its first keyframe, and does not drift at all.

World: OpenCV axes of the first frame.  The unit of length is the median distance of the background in the first pair
of keyframes whose translation is observable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.rotation import (
    heading,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    normalize,
    quaternion_from_matrix,
    rotate,
    transpose,
)
from genmo.runtime.readers.cameras import CameraFile, level
from genmo.runtime.readers.tracks import Indices
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.video.epipolar import LEAST_MATCHES, Relative, depths, relative_pose, rotation_angle
from genmo.runtime.video.libraries import library

SIDE = 640
"""Longest side of the images that are compared, pixels."""
NOISE = 0.4
"""Standard deviation of a followed corner, pixels of those images."""
CORNERS = 400
FEW = 0.7
"""Below this share of `CORNERS` new ones are looked for."""
BORDER = 12
"""Pixels along the edges of the image without corners: half a window of the search."""
APART = 9
"""Pixels between corners."""
ROUND_TRIP = 0.7
"""Pixels by which a corner may miss itself on the way forward and back."""
KEYFRAME_SHIFT = 0.3
"""Median shift of the background since the last keyframe, in image widths, at which the next one is taken.  Long
steps tell travel from things that move: at 0.1 the errors with a fifth of moving matches were twice as large."""
KEYFRAME_SHARE = 0.5
"""Share of the keyframe's corners still tracked at which the next one is taken."""
STILL = 0.003
"""Median shift in image widths below which a camera counts as still."""
PERSON_MARGIN = 0.1
"""A person's box is enlarged by this on every side before it is left out."""
MOVES_DEGREES = 1.0
"""A camera that turns by more, though it was said to be static, is worth a word."""
MOVES_SHIFT = 0.02
"""And one whose background shifts by more, in image widths."""
CELLS = 4
"""Matches should cover the cells of a grid of this many by this many."""


@dataclass(frozen=True, eq=False)
class Odometry:
    """The estimated motion of the camera."""

    times: Array
    """[M] seconds of the frames"""
    rotation: Array
    """[M, 3, 3] camera to world"""
    position: Array
    """[M, 3] in the unit that the module's text gives; constant where the translation is not observable"""
    confidence: Array
    """[M] 0 to 1: number, agreement and spread of the matches behind each frame's rotation"""
    travelled: npt.NDArray[np.bool_]
    """[M] whether the translation to this frame was observable"""
    shift: float
    """largest median shift of the background against a keyframe, in image widths"""

    @property
    def turn(self) -> float:
        """Largest turn against the first frame, degrees."""
        return float(rotation_angle(transpose(self.rotation[:1]) @ self.rotation).max())

    @property
    def moves(self) -> bool:
        """Whether the camera is plainly not static."""
        return self.turn > MOVES_DEGREES or self.shift > MOVES_SHIFT

    def describe(self) -> str:
        """One line for the user."""
        headings = np.degrees(np.unwrap(heading(self.rotation[:, :, 2])))
        sideways = float(headings[-1] - headings[0])
        way = "right" if sideways > 0 else "left"
        lowest = int(self.confidence.argmin())
        travel_note = (
            f", and travels in {100 * self.travelled.mean():.0f} % of the frames" if self.travelled.any() else ""
        )
        return (
            f"the camera turns by up to {self.turn:.1f} degrees, {abs(sideways):.1f} to the {way} from first to last "
            f"frame{travel_note}; confidence {self.confidence.mean():.2f}, lowest {self.confidence[lowest]:.2f} at "
            f"{self.times[lowest]:.1f} s"
        )

    def camera_file(self, source: str, scale: float | None = None) -> CameraFile:
        """The camera upright in a y-up world, to be taken at any frames; `scale`: metres in the unit of length.

        A video does not know its size: without `scale` the camera turns on the spot.
        """
        notes = [f"{source}: {self.describe()}"]
        notes.append(f"{source}: which way is up comes from the mean of the camera's up")
        if scale is None and self.travelled.mean() > 0.2:
            notes.append(
                f"{source}: the camera travels, and the video does not say how far, so it turns on the spot; give "
                "--camera-scale, the metres from the camera to the background at the start"
            )
        upright = level(Camera(self.rotation, self.position), 0.0 if scale is None else scale, source)
        return CameraFile(source, self.times * FPS, upright, 0, True, FPS, None, tuple(notes))


@dataclass(frozen=True, eq=False)
class _FrameCorners:
    """Ids and positions of the corners in one frame, on the plane z = 1."""

    time: float
    ids: Indices
    points: Array
    """[n, 2]"""


@dataclass(eq=False)
class CameraPath:
    """The camera's path from corners that keep their ids from frame to frame; `Odometer` finds the corners.

    `width`: of the image on the plane z = 1 (pixels over focal length); `noise`: standard deviation of a corner there.
    """

    width: float
    noise: float
    _times: list[float] = field(default_factory=list)
    _rotations: list[Array] = field(default_factory=list)  # world to camera
    _positions: list[Array] = field(default_factory=list)
    _confidence: list[float] = field(default_factory=list)
    _travelled: list[bool] = field(default_factory=list)
    _segment: list[_FrameCorners] = field(default_factory=list)  # the keyframe and the frames since
    _key_depths: dict[int, float] = field(
        default_factory=dict
    )  # depth in the keyframe, for the scale of the next travel
    _unit: float | None = None  # typical depth where translation was last observable
    _shift: float = 0.0

    def add(self, time: float, ids: Indices, points: Array) -> None:
        """The corners [n] of the frame at `time` (seconds, rising), [n, 2] on the plane z = 1."""
        frame = _FrameCorners(time, ids, points)
        if not self._segment:
            self._append(frame, np.eye(3), np.zeros(3), 1.0 if len(ids) >= LEAST_MATCHES else 0.0, False)
            self._segment = [frame]
            return
        key = self._segment[0]
        common, at_key, here = np.intersect1d(key.ids, ids, return_indices=True)
        last = len(self._segment) > 1
        if len(common) < LEAST_MATCHES:
            if last:
                self._close()
                self.add(time, ids, points)
            else:  # nothing to go by: the camera is taken to stand still
                self._lost(frame)
            return
        shift = float(np.median(np.linalg.norm(points[here] - key.points[at_key], axis=-1))) / self.width
        self._shift = max(self._shift, shift)
        self._segment.append(frame)
        if shift > KEYFRAME_SHIFT or len(common) < KEYFRAME_SHARE * len(key.ids):
            self._close()

    def finish(self) -> Odometry:
        """The estimate; the frames since the last keyframe included."""
        if len(self._segment) > 1:
            self._close()
        world_to_camera = np.array(self._rotations)
        return Odometry(
            np.array(self._times),
            transpose(world_to_camera),
            np.array(self._positions),
            np.array(self._confidence),
            np.array(self._travelled, bool),
            self._shift,
        )

    def _append(
        self, frame: _FrameCorners, rotation: Array, position: Array, confidence: float, travelled: bool
    ) -> None:
        self._times.append(frame.time)
        self._rotations.append(rotation)
        self._positions.append(position)
        self._confidence.append(confidence)
        self._travelled.append(travelled)

    def _lost(self, frame: _FrameCorners) -> None:
        self._append(frame, self._rotations[-1], self._positions[-1], 0.0, False)
        self._segment, self._key_depths = [frame], {}

    def _close(self) -> None:
        """Solve the frames since the keyframe; the last of them is the next keyframe."""
        key, last = self._segment[0], self._segment[-1]
        ids, first, second = _matched(key, last)
        pose = relative_pose(first, second, self.noise)
        confidence = self._trust(second, pose)
        base, origin = self._rotations[-1], self._positions[-1]
        travel, key_depths = self._scaled(pose, ids, first, second)
        for frame in self._segment[1:]:
            if frame is last:
                rotation, moved = pose.rotation, travel
            else:
                rotation, moved = self._between(frame, ids[pose.inliers], first[pose.inliers], key_depths, pose, travel)
            # x2 = R x1 + t, so the second camera stands at -R^T t of the first
            position = origin - base.T @ (rotation.T @ moved)
            self._append(frame, rotation @ base, position, confidence, pose.kind != "rotation")
        self._key_depths = {}
        if pose.kind != "rotation" and key_depths is not None:
            ahead = rotate(pose.rotation, key_depths[:, None] * _rays(first[pose.inliers])) + travel
            self._key_depths = dict(zip(ids[pose.inliers].tolist(), ahead[:, 2].tolist(), strict=True))
        self._segment = [last]

    def _trust(self, points: Array, pose: Relative) -> float:
        """0 to 1: enough matches that agree, a large share of all, spread over the image."""
        agreeing = points[pose.inliers]
        if len(agreeing) < LEAST_MATCHES:
            return 0.0
        cells = np.floor((agreeing / self.width + 0.5) * CELLS).clip(0, CELLS - 1).astype(int)
        covered = len(np.unique(cells @ [1, CELLS])) / CELLS**2
        return float(min(1, len(agreeing) / 40) * pose.inliers.mean() * min(1, covered / 0.4))

    def _scaled(self, pose: Relative, ids: Indices, first: Array, second: Array) -> tuple[Array, Array | None]:
        """The travel [3] in the unit of the path, and the depths [inliers] of the matches in the keyframe."""
        if pose.kind == "rotation":
            return np.zeros(3), None
        key_depths, last_depths = depths(pose.rotation, pose.direction, first[pose.inliers], second[pose.inliers])
        good = (key_depths > 0) & (last_depths > 0)
        if good.sum() < LEAST_MATCHES:
            return np.zeros(3), None
        middle = float(np.median(key_depths[good]))
        key_depths = np.where(good, np.minimum(key_depths, 100 * middle), 100 * middle)
        matched = zip(ids[pose.inliers].tolist(), key_depths, good, strict=True)
        depth_pairs = [
            (self._key_depths[one], depth) for one, depth, ok in matched if ok and self._key_depths.get(one, 0) > 0
        ]
        if len(depth_pairs) >= LEAST_MATCHES:
            scale = float(np.median([before / now for before, now in depth_pairs]))
        else:
            scale = (1.0 if self._unit is None else self._unit) / middle
        self._unit = scale * middle
        return scale * pose.direction, scale * key_depths

    def _between(
        self, frame: _FrameCorners, ids: Indices, first: Array, key_depths: Array | None, pose: Relative, travel: Array
    ) -> tuple[Array, Array]:
        """Rotation [3, 3] and travel [3] of a frame between two keyframes, from points whose depth is known."""
        _, at_key, here = np.intersect1d(ids, frame.ids, return_indices=True)
        start, end = self._segment[0].time, self._segment[-1].time
        fraction = (frame.time - start) / (end - start)
        guess = matrix_from_quaternion(_fraction_of(quaternion_from_matrix(pose.rotation), fraction))
        if len(here) < LEAST_MATCHES:
            return guess, fraction * travel
        inverse = np.zeros(len(at_key)) if key_depths is None else 1 / key_depths[at_key]
        return _resection(guess, fraction * travel, first[at_key], inverse, frame.points[here], self.noise)


def _rays(points: Array) -> Array:
    return np.concatenate([points, np.ones_like(points[:, :1])], axis=-1)


def _matched(first: _FrameCorners, second: _FrameCorners) -> tuple[Indices, Array, Array]:
    """Ids [n] that both frames have, and their points [n, 2] in each."""
    ids, in_first, in_second = np.intersect1d(first.ids, second.ids, return_indices=True)
    return ids.astype(np.int64), first.points[in_first], second.points[in_second]


def _fraction_of(quaternion: Array, fraction: float) -> Array:
    """The rotation that goes `fraction` of the way from none to `quaternion` [4]."""
    w = np.clip(abs(quaternion[0]), -1, 1)
    axis = quaternion[1:] * (1 if quaternion[0] >= 0 else -1)
    half = float(np.arccos(w))
    sine = np.sin(half)
    if sine < 1e-9:
        return np.array([1.0, 0, 0, 0])
    return normalize(np.concatenate([[np.cos(fraction * half)], np.sin(fraction * half) / sine * axis]))


def _resection(
    rotation: Array, travel: Array, first: Array, inverse: Array, observed: Array, noise: float
) -> tuple[Array, Array]:
    """Pose of a camera that observes points of the keyframe at `observed` [n, 2], from their positions [n, 2] and
    inverse depths [n] in the keyframe.

    Gauss-Newton with Cauchy weights on the distance in the image.  Points at no known depth (0) only turn.
    """
    moving = bool((inverse > 0).any())
    for _ in range(8):
        ahead = _rays(first) @ rotation.T + inverse[:, None] * travel
        depth = np.maximum(ahead[:, 2:], 1e-3)
        error = ahead[:, :2] / depth - observed
        x, y, z = (_rays(first) @ rotation.T).T
        zero = np.zeros_like(x)
        turn = np.stack([np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], -2)
        moves = [turn, inverse[:, None, None] * np.eye(3)] if moving else [turn]
        change = np.concatenate(moves, axis=-1)
        jacobian = (change[:, :2] - (ahead[:, :2] / depth)[..., None] * change[:, 2:]) / depth[..., None]
        weight = np.repeat(1 / (1 + (error**2).sum(axis=-1) / (2 * noise) ** 2), 2)
        rows = jacobian.reshape(-1, jacobian.shape[-1])  # [2 n, 3 or 6]
        square = rows.T @ (rows * weight[:, None])
        step = -np.linalg.solve(
            square + 1e-9 * np.trace(square) * np.eye(len(square)), rows.T @ (weight * error.ravel())
        )
        rotation = matrix_from_axis_angle(step[:3]) @ rotation
        travel = travel + step[3:] if moving else travel
    return rotation, travel


class Odometer:
    """Finds and follows corners of the background, image by image, and gives them to a `CameraPath`.

    `intrinsics` [3, 3] in pixels of the images that `add` takes.
    """

    def __init__(self, intrinsics: Array, width: int, height: int) -> None:
        self._scale = min(1.0, SIDE / max(width, height))
        self._focal, self._middle = np.diag(intrinsics)[:2] * self._scale, intrinsics[:2, 2] * self._scale
        focal = float(self._focal.mean())
        self.path = CameraPath(width * self._scale / focal, NOISE / focal)
        self._before: Array | None = None
        self._ids = np.zeros(0, np.int64)
        self._points = np.zeros((0, 2), np.float32)
        self._count = 0

    def add(self, time: float, image: Image, people: Array) -> None:
        """The image at `time` (seconds, rising) and the boxes [n, 4] of people in it, which are left out."""
        cv2 = library("cv2")
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if self._scale < 1:
            grey = cv2.resize(grey, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
        free = self._free(grey.shape, people)
        if self._before is not None and len(self._points):
            self._follow(grey, free)
        if len(self._points) < FEW * CORNERS:
            self._replenish(grey, free)
        self._before = grey
        self.path.add(time, self._ids.copy(), (self._points.astype(np.float64) - self._middle) / self._focal)

    def finish(self) -> Odometry:
        """The estimate over all images."""
        return self.path.finish()

    def _free(self, shape: tuple[int, int], people: Array) -> npt.NDArray[np.uint8]:
        """255 where there may be corners: outside of people, and not on the very border."""
        free = np.zeros(shape, np.uint8)
        free[BORDER:-BORDER, BORDER:-BORDER] = 255
        for box in people * self._scale:
            margin = PERSON_MARGIN * (box[2:] - box[:2])
            left, top = np.floor(np.maximum(box[:2] - margin, 0)).astype(int)
            right, bottom = np.ceil(np.maximum(box[2:] + margin, 0)).astype(int)
            free[top:bottom, left:right] = 0
        return free

    def _follow(self, grey: Image, free: npt.NDArray[np.uint8]) -> None:
        cv2 = library("cv2")
        options = {"winSize": (21, 21), "maxLevel": 4}
        ahead, good, _ = cv2.calcOpticalFlowPyrLK(self._before, grey, self._points[:, None], None, **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(grey, self._before, ahead, None, **options)
        miss = np.linalg.norm(back[:, 0] - self._points, axis=-1)
        kept = (good[:, 0] == 1) & (returned[:, 0] == 1) & (miss < ROUND_TRIP)
        column, row = np.round(np.nan_to_num(ahead[:, 0])).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < free.shape[1]) & (row < free.shape[0])
        kept &= inside
        kept[kept] = free[row[kept], column[kept]] > 0
        self._ids, self._points = self._ids[kept], ahead[kept, 0]

    def _replenish(self, grey: Image, free: npt.NDArray[np.uint8]) -> None:
        cv2 = library("cv2")
        free = free.copy()
        for column, row in np.round(self._points).astype(int):
            cv2.circle(free, (int(column), int(row)), APART, 0, -1)
        # Harris's measure: Shi and Tomasi's keeps points of long edges, which slide along them unnoticed
        corners = cv2.goodFeaturesToTrack(
            grey, CORNERS - len(self._points), 1e-4, APART, mask=free, blockSize=5, useHarrisDetector=True, k=0.06
        )
        if corners is None:
            return
        fresh = corners.reshape(-1, 2).astype(np.float32)
        self._ids = np.concatenate([self._ids, self._count + np.arange(len(fresh))])
        self._points = np.concatenate([self._points, fresh])
        self._count += len(fresh)
