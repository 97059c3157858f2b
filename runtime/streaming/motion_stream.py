"""MotionStream: keypoints in, poses out, one frame at a time, for one person or many.

What is unusual:
- every answer is the one-step estimate of the newest window (at most 120 frames), as the offline model would make it
  of these frames alone, of which the pose `look_ahead` frames before the newest is answered;
- people whose windows have the same length share one call of the denoiser;
- frames are kept in ring buffers only: memory does not grow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.condition_arrays import keypoint_conditions, static_camera
from genmo.runtime.conditions.keypoint_cleaning import clean_keypoints as cleaned
from genmo.runtime.conditions.keypoints import POINT_COUNT, VISIBLE, Keypoints, are_guessed, keypoints_from
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.bundle import LoadedEngine
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import gravity_view_yaw, roll_out, root_by_gravity
from genmo.runtime.motion.rotation import matrix_from_6d, rotate, transpose
from genmo.runtime.motion.skeleton import (
    BETA_COUNT,
    COCO_COUNT,
    FOOT_JOINTS,
    JOINT_COUNT,
    JOINTS,
    forward_kinematics,
    shape_space,
)
from genmo.runtime.refine.foot_locking import FeetOptions, FootLocker
from genmo.runtime.refine.image_contacts import LAG as CONTACT_LAG
from genmo.runtime.refine.image_contacts import image_evidence, network_doubt, toe_evidence, with_evidence
from genmo.runtime.refine.keypoint_fit import with_pointed_feet
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose
from genmo.runtime.refine.shape_fit import RunningShape
from genmo.runtime.streaming.ring_buffer import Index, RingBuffer
from genmo.runtime.streaming.root_tracker import RootTracker
from genmo.runtime.streaming.running_mean import RunningMean
from genmo.runtime.streaming.standing import Standing
from genmo.runtime.streaming.stream_inputs import (
    absent,
    check_layout,
    check_options,
    newest_camera_conditions,
    parse_frame,
    window_fields,
)
from genmo.runtime.streaming.stream_pose import StreamPose
from genmo.runtime.streaming.track_gate import TrackGate
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import InputError

FIT_REACH = 3
"""frames on each side that are fitted with the answered one"""
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
CAMERA_PARTS = ("rotation", "position")
FORGOTTEN = 30
"""frames without a plausible detection after which a person's earlier frames are dropped"""
AVERAGED = ("betas", "camera_orientation")
"""blocks of the motion vector that do not change within a take"""


class MotionStream:
    """Real-time estimation for a camera and the people in front of it; mutable, for one thread at a time.

    `look_ahead` (0 to 60 frames): a pose is answered that many frames late, from that much of its future.
    `people`: slots, each a person of their own; a slot starts at the first frame in which its person is visible.
    `image_size` (width, height) or `intrinsics` [3, 3]: of the camera, in pixels.
    `camera` [4, 4]: camera-to-world pose of a camera that stands still; with neither this nor poses given to `step`,
    the camera is taken for level and static and heights are counted from the lowest foot.
    `stride`: estimate every so many frames only, the people in turn; a pose then has up to `stride` - 1 frames less
    of future.  At most `look_ahead` + 1.
    `fit_reach`: frames on each side that are fitted to the keypoints together with the answered one
    (`refine.reprojection_fit`), at most 9, which is as far as the offline fit carries; None: no fit.  The fitted
    shape is learned from the settled frames so far, where the offline fit has all frames.
    `clean_feet`: planted feet stand still (`refine.foot_locking`), from the first settled frame on and without any
    delay of its own: a foot is pinned where it lands.
    `clean_keypoints`: the window's keypoints are smoothed and mended (`conditions.keypoint_cleaning`), frames that
    cannot be the person followed so far are dropped (`streaming.track_gate`), and a person who was not
    detected for FORGOTTEN frames is estimated anew.

    Raises InputError for options that do not fit, and for engines whose layout has no root position in the camera.
    """

    def __init__(
        self,
        model: LoadedEngine,
        *,
        look_ahead: int = 15,
        people: int = 1,
        image_size: tuple[float, float] | None = None,
        intrinsics: Array | None = None,
        camera: Array | None = None,
        stride: int = 1,
        fit_reach: int | None = FIT_REACH,
        clean_feet: bool = True,
        clean_keypoints: bool = True,
    ) -> None:
        config = model.engine.config
        check_options(config.window, look_ahead, people, stride, fit_reach)
        check_layout(config)
        self.look_ahead, self.people = look_ahead, people
        self._stride, self._reach, self._lock_feet = stride, fit_reach, clean_feet
        self._clean_keypoints = clean_keypoints
        self._config, self._layout, self._denoiser = config, config.motion_layout, model.denoiser
        self._mean, self._std = model.engine.mean, model.engine.std
        self._static = None if camera is None else np.asarray(camera)
        if image_size is None and intrinsics is None:
            raise InputError("neither image_size nor intrinsics is given; wanted one of them, in pixels")
        optics = ("image_size", image_size) if intrinsics is None else ("intrinsics", intrinsics)
        self._optics = {optics[0]: np.asarray(optics[1])}
        columns = np.arange(self._layout.width)
        self._averaged = np.concatenate([columns[self._layout.slices[name]] for name in AVERAGED])
        self._names = [name + end for name in frame_conditions(config) for end in ("", "_mask")]
        self._slots = np.arange(people)
        self._parse(np.zeros((people, COCO_COUNT, 3)), self._static)  # raises for what cannot be
        self._clear()

    def reset(self, person: int | None = None) -> None:
        """Forget one person, whose slot waits for the next one; None: everybody, and the camera.

        Raises InputError for a slot that does not exist.
        """
        if person is not None:
            if not 0 <= person < self.people:
                raise InputError(f"person is {person}; wanted 0 to {self.people - 1}")
            self._age[person] = self._estimated[person] = self._since[person] = self._length[person] = 0
            self._forget(person)
            self._foot_lockers[person] = None
            self._gate.reset(person)
            return
        self._clear()

    def step(self, keypoints: Array, camera_to_world: Array | None = None) -> StreamPose:
        """Push a frame of keypoints [people, 17, 3] (x, y in pixels and confidence; 0 where not visible), or [people,
        21, 3] with heels and toes (`conditions.keypoints.FEET`); the poses `look_ahead` frames earlier.

        Until a person has more frames than that, the answer is their first frame, not yet `settled`.
        `camera_to_world` [4, 4]: this frame's pose of a moving camera, from the first frame on; without one in a
        later frame it stands still.  Raises InputError for wrong shapes or numbers, and leaves the stream unchanged.
        """
        if self._ticks and self._pose is None and camera_to_world is not None:
            raise InputError("camera_to_world is given but was not at first; wanted it from the first frame on")
        pose = self._static if camera_to_world is None and self._ticks == 0 else camera_to_world
        self._push(self._parse(keypoints, pose))
        self._estimate((self._estimated == 0) | ((self._ticks + self._slots) % self._stride == 0))
        self._ticks += 1
        who = np.flatnonzero(self._age)
        newest = self._age[who] - 1
        return self._answer(who, np.maximum(newest - self.look_ahead, 0), newest >= self.look_ahead)

    def _forget(self, person: int) -> None:
        """Forget the shape of a person and how the camera is tilted to them."""
        self._means.reset(person)
        self._shapes[person] = RunningShape()

    def finish(self) -> list[StreamPose]:
        """The frames that wait for their look-ahead, at most `look_ahead`; the stream is then reset."""
        self._estimate(self._estimated < self._age)
        waiting = np.minimum(self._age, self.look_ahead)
        poses = []
        for ahead in range(int(waiting.max())):
            who = np.flatnonzero(waiting > ahead)
            poses.append(self._answer(who, self._age[who] - waiting[who] + ahead, np.ones(len(who), bool)))
        self.reset()
        return poses

    def _clear(self) -> None:
        """Fresh memory for everybody."""
        people, window = self.people, self._config.window
        self._ring = RingBuffer(window, people, window_fields(self._config))
        self._ticks = 0
        self._pose: Camera | None = None
        self._age, self._estimated, self._length, self._since = np.zeros((4, people), np.int64)
        """of each person: frames so far, the age at which `_x_0` was estimated, its frames, those since they became
        visible again"""
        self._x_0 = np.zeros((people, window, self._layout.width), np.float32)
        """the newest estimate of each person's window, normalised, oldest frame first"""
        self._points = np.zeros((people, window, POINT_COUNT, 3))
        """the keypoints of these frames, cleaned"""
        self._standing = Standing(people, window)
        self._gate = TrackGate(people, COCO_COUNT)
        self._means = RunningMean(people, len(self._averaged))
        """of the averaged blocks over the settled frames in which the person was visible"""
        self._foot_lockers: list[FootLocker | None] = [None] * people
        """of the people with settled frames"""
        self._shapes = [RunningShape() for _ in range(people)]

    def _parse(self, keypoints: Array, camera_to_world: Array | None) -> Keypoints:
        """Checked keypoints with the people where a file has its frames."""
        return parse_frame(keypoints, camera_to_world, self.people, self._optics)

    def _push(self, frame: Keypoints) -> None:
        """Append a frame to the rings."""
        self._intrinsics = frame.intrinsics
        points = self._plausible(frame.all_points) if self._clean_keypoints else frame.all_points
        rows = keypoint_conditions(keypoints_from(points, frame.intrinsics))
        before = self._pose
        if frame.camera is not None:
            self._pose = Camera(frame.camera.rotation[:1], frame.camera.position[:1])
        if self._ticks == 0:
            known, surveyed = not are_guessed(frame.intrinsics), self._pose is not None
            self._path = RootTracker(self.people, surveyed, over_ground=True, lens_known=known)
        if self._pose is None:
            rows |= {"camera_rotation": static_camera(1).rotation[0]}
        else:
            rows |= {"camera_rotation": self._pose.rotation[0], "camera_position": self._pose.position[0]}
            rows |= {"camera_mask": np.ones(1), "camera": newest_camera_conditions(before, self._pose)[-1]}
            if before is not None:
                self._ring.overwrite({"camera": newest_camera_conditions(before, self._pose)[0]})
        self._ring.push(rows | {"points": points})
        present = (self._age > 0) | (rows["keypoints_mask"] > 0)
        self._age += present
        self._since += present

    def _plausible(self, points: Array) -> Array:
        """The points [people, 21, 3] without those that cannot be the person followed so far."""
        missing = self._gate.missing.copy()
        accepted = self._gate.push(points[:, :COCO_COUNT])
        self._since[accepted & (missing >= FORGOTTEN)] = 0
        return np.asarray(points * np.where(accepted[:, None, None], 1.0, [1.0, 1.0, 0.0]))

    def _estimate(self, due: npt.NDArray[np.bool_]) -> None:
        """Estimate the windows of the people for whom it is `due` [people]."""
        due = due & (self._age > 0)
        # until the answered frame lies behind a break, the frames before it are needed
        behind = np.where(self._since > self.look_ahead, self._since, self._age)
        lengths = np.minimum(behind, self._config.window)
        for length in np.unique(lengths[due]).tolist():
            who = np.flatnonzero(due & (lengths == length))
            conditions = absent(self._config, len(who), length) | self._ring.last(self._names, who, length)
            self._points[who, :length] = self._ring.last(["points"], who, length)["points"]
            if self._clean_keypoints:
                conditions |= self._cleaned(who, length)
            shape = (len(who), length, self._layout.width)
            self._x_0[who, :length] = sampler.estimate(self._denoiser, conditions, shape)["x_0"]
        self._estimated[due], self._length[due] = self._age[due], lengths[due]

    def _cleaned(self, who: Index, length: int) -> Arrays:
        """The conditions of the newest `length` frames of the people `who` from their cleaned keypoints."""
        rows = []
        for person in who:
            keypoints = cleaned(self._keypoints(person, np.arange(length)))
            self._points[person, :length] = keypoints.all_points
            rows.append(keypoint_conditions(keypoints))
        return {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]}

    def _answer(self, who: Index, frame: Index, settled: npt.NDArray[np.bool_]) -> StreamPose:
        """The poses of `frame` [k] of the people `who` [k]."""
        answer = StreamPose.empty(self.people)
        if not len(who):
            return answer
        length = self._length[who]
        row = frame - (self._estimated[who] - length)
        visible = np.asarray((self._points[who, row, :, 2] > VISIBLE).any(axis=1), np.bool_)
        for person in who[settled & (row == 0) & (frame > 0)]:  # the first frame after a break
            self._forget(person)
        betas, tilt = self._averages(who, row, length, settled)
        betas = np.stack([self._shapes[person].betas(own) for person, own in zip(who, betas, strict=True)])
        offsets = shape_space().offsets(betas)
        root, pose = self._fitted(who, row, length, offsets)
        if self._reach is not None:
            self._learn_shapes(who, np.flatnonzero(settled & visible), row, pose, betas)
        world_root, step = self._rolled_out(who, row, length)
        turn = world_root @ transpose(root)  # camera to world, in the network's estimate
        joints = forward_kinematics(pose.rotations, pose.root, offsets)[1]
        feet = rotate(turn[:, None], joints[:, FOOT_JOINTS] - pose.root[:, None])[..., 1].min(axis=1)
        observed = self._observed_roots(who, frame, self._back(who, length, row[:, None]), tilt, pose.root)
        answer.frame[who], answer.settled[who] = frame, settled
        answer.rotations[who] = pose.rotations
        answer.rotations[who, 0] = turn @ pose.rotations[:, 0]
        answer.translation[who] = self._positions(who, frame, step, observed, feet, visible)
        answer.betas[who] = betas
        answer.root_camera.rotation[who], answer.root_camera.translation[who] = pose.rotations[:, 0], pose.root
        answer.contacts[who] = np.clip(self._blocks(who, row)["contacts"], 0, 1)
        self._standing.push(who, frame, answer.contacts[who])
        if self._clean_keypoints:
            self._add_image_contacts(answer, who, row, length)
        if self._lock_feet:
            for person in who[settled].tolist():
                self._lock(answer, person)
        return answer

    def _lock(self, answer: StreamPose, person: int) -> None:
        """Clean the feet of one person's next settled pose, in place."""
        cleaner = self._foot_lockers[person]
        if cleaner is None:  # a surveyed world need not have its ground at 0
            ground = FeetOptions(ground=None if self._pose is not None else 0.0)
            cleaner = self._foot_lockers[person] = FootLocker(0, ground, same_body=False)
        at = [person]
        pose = Motion(answer.rotations[at], answer.translation[at], answer.betas[person], contacts=answer.contacts[at])
        clean = cleaner.push(pose)
        answer.rotations[person], answer.translation[person] = clean.rotations[0], clean.translation[0]

    def _back(self, who: Index, length: Index, row: Index) -> Index:
        """How many frames before the newest one the rows [k, n] of the estimates are."""
        return np.asarray((self._age[who] - self._estimated[who] + length)[:, None] - 1 - row)

    def _blocks(self, who: Index, row: Index) -> dict[str, Array]:
        """The blocks of rows [k, ...] of the people's estimates, not normalised."""
        normalised = self._x_0[who.reshape(-1, *[1] * (row.ndim - 1)), row].astype(np.float64)
        return self._layout.split(normalised * self._std + self._mean)

    def _averages(self, who: Index, row: Index, length: Index, settled: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
        """Shape [k, 10] and camera-to-level rotation [k, 3, 3]: means over the settled frames and the window's rest.

        Frames in which the person was not visible do not count.
        """
        frames = np.arange(self._config.window)
        counted = (frames >= row[:, None]) & (frames < length[:, None])  # [k, window]
        if self._clean_keypoints:
            visible = counted & (self._points[who, ..., 2] > VISIBLE).any(axis=-1)
            usable = visible.any(axis=1) | (self._means.counts[who] > 0)
            counted = np.where(usable[:, None], visible, counted)
        columns = self._averaged
        values = self._x_0[who][:, :, columns] * self._std[columns] + self._mean[columns]  # [k, window, columns]
        mean = self._means.with_more(who, values, counted)
        newest = (settled, row[settled])
        self._means.add(who[settled], values[newest], counted[newest])
        return mean[:, :BETA_COUNT], matrix_from_6d(mean[:, BETA_COUNT:])

    def _fitted(self, who: Index, row: Index, length: Index, offsets: Array) -> tuple[Array, CameraPose]:
        """The root in the camera [k, 3, 3] before, and the pose [k, ...] after the fit."""
        roots, positions = np.empty((len(who), 3, 3)), np.empty((len(who), 3))
        rotations, side = np.empty((len(who), JOINT_COUNT, 3, 3)), self._reach or 0
        for index, person in enumerate(who):
            around = np.arange(max(row[index] - side, 0), min(row[index] + side + 1, length[index]))
            middle = row[index] - around[0]
            pose = self._estimated_pose(who[[index]], around, length[[index]], offsets[index])
            roots[index] = pose.rotations[middle, 0]
            if self._reach is not None:
                keypoints = self._keypoints(person, around)
                pose = with_pointed_feet(fit_pose(pose, keypoints), keypoints)
            rotations[index], positions[index] = pose.rotations[middle], pose.root[middle]
        return roots, CameraPose(rotations, positions, offsets)

    def _learn_shapes(self, who: Index, usable: Index, row: Index, pose: CameraPose, betas: Array) -> None:
        """What the poses [k] of the people `who`, of the indices `usable`, add to their shapes; their keypoints are
        those of the rows `row` [k]."""
        for index in usable.tolist():
            one = CameraPose(pose.rotations[[index]], pose.root[[index]], pose.offsets[index])
            self._shapes[who[index]].push(one, self._keypoints(who[index], row[[index]]), betas[index])

    def _add_image_contacts(self, answer: StreamPose, who: Index, row: Index, length: Index) -> None:
        """Change the contacts of the people `who` by the keypoints around their rows `row` [k], in place."""
        feet, depths = answer.joints_world()[who][:, ANKLES, 1], answer.joints_camera[who][:, ANKLES, 2]
        for index, person in enumerate(who):
            around = np.arange(max(row[index] - CONTACT_LAG, 0), min(row[index] + CONTACT_LAG + 1, length[index]))
            camera = None
            if self._pose is not None:
                back = self._back(who[[index]], length[[index]], around[None])
                camera = Camera(*(self._ring.rows(f"camera_{name}", who[[index]], back)[0] for name in CAMERA_PARTS))
            depth = np.tile(depths[index], (len(around), 1))
            lifted = np.tile(feet[index] - feet[index].min(), (len(around), 1))
            keypoints, now = self._keypoints(person, around, camera), [row[index] - around[0]]
            contacts = self._blocks(who[[index]], np.arange(row[index], length[index]))["contacts"]
            doubt = network_doubt(self._standing.in_window(person, answer.frame[person], row[index], contacts))
            ankles, toes = (doubt * of(keypoints, depth, lifted)[now] for of in (image_evidence, toe_evidence))
            answer.contacts[person] = with_evidence(answer.contacts[[person]], ankles, toes)[0]

    def _keypoints(self, person: np.intp, rows: Index, camera: Camera | None = None) -> Keypoints:
        """The keypoints of one person in `rows` of the newest window."""
        return keypoints_from(self._points[person, rows], self._intrinsics, camera)

    def _estimated_pose(self, who: Index, row: Index, length: Index, offsets: Array) -> CameraPose:
        blocks = self._blocks(who, row)
        rotations = matrix_from_6d(blocks["joint_rotations"].reshape(len(row), JOINT_COUNT, 6))  # [k, 24, 3, 3]
        if self._pose is not None:
            camera = self._ring.rows("camera_rotation", who, self._back(who, length, row[None]))[0]
            rotations[:, 0] = root_by_gravity(matrix_from_6d(blocks["gravity_view_orientation"]), camera)
        return CameraPose(rotations, blocks["root_translation_camera"], offsets)

    def _rolled_out(self, who: Index, row: Index, length: Index) -> tuple[Array, Array]:
        """World root rotation [k, 3, 3], and the step to it [k, 3] from the frame before."""
        pair = np.maximum(row[:, None] + np.array([-1, 0]), 0)  # [k, 2]
        blocks = self._blocks(who, pair)
        camera = self._ring.rows("camera_rotation", who, self._back(who, length, pair))
        gravity_view = matrix_from_6d(blocks["gravity_view_orientation"])
        root, path = roll_out(gravity_view, blocks["root_velocity"], gravity_view_yaw(camera))
        return root[:, 1], path[:, 1]

    def _observed_roots(self, who: Index, frame: Index, back: Index, tilt: Array, root: Array) -> Array:
        """Observed roots [k, 3]: in the world, or from the camera where it has no pose."""
        if self._pose is None:
            return self._path.view.positions(who, tilt, root, frame == 0)
        rotation = self._ring.rows("camera_rotation", who, back)[:, 0]
        return self._ring.rows("camera_position", who, back)[:, 0] + rotate(rotation, root)

    def _positions(
        self, who: Index, frame: Index, step: Array, observed: Array, feet: Array, visible: npt.NDArray[np.bool_]
    ) -> Array:
        """World positions [k, 3]; people on their first frame start anew, those not `visible` [k] continue."""
        first, world = frame == 0, np.empty_like(observed)
        start = observed * np.array([0.0, 1.0, 0.0] if self._pose is None else 1.0)
        world[first] = self._path.start(who[first], start[first], feet[first], observed[first])
        world[~first] = self._path.advance(who[~first], step[~first], observed[~first], feet[~first], visible[~first])
        return world
