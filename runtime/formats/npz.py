"""Motion `.npz`: SMPL-X keys for the SMPL add-ons, and genmo's own keys, which lose nothing.

SMPL-X side (y up; choose "Y-up" on import):

    poses               [N, 165]  axis-angle, radians: root, 21 body joints, then jaw, eyes and hands (zero)
    root_orient         [N, 3]    the first part of `poses`
    pose_body           [N, 63]   the second part of `poses`
    trans               [N, 3]    metres, in SMPL's sense: the pelvis is at `trans + pelvis_offset`
    pelvis_offset       [3]       where SMPL-X has its pelvis: the neutral template, or the body file for these betas
    betas               [16]      those of the person, where a motion was made on the user's SMPL-X body; else zero:
                                  genmo's betas belong to its own shape space and mean nothing to SMPL
    num_betas           16
    gender              "neutral"
    surface_model_type  "smplx"
    mocap_frame_rate, mocap_framerate   frames per second, under both names in use
    mocap_time_length   seconds, N / fps

genmo's side:

    rotations           [N, 24, 3, 3]  local joint rotations (joint 0: root in the world), SMPL-24 order
    offsets             [24, 3]        rest offsets, metres
    genmo_betas         [10]           coefficients of genmo's shape space; zero where the shape is SMPL-X's
    smplx_betas         [10]           the person's shape as released weights predict it, where they do: also without a
                                       body file, when the motion is that of genmo's mean skeleton and `betas` are zero
    smplx_rest          [24, 3]        metres, rest joints of the body file for these betas, where there was one
    joints_world        [N, 24, 3]     metres, y up
    joints_camera       [N, 24, 3]     metres, OpenCV axes
    camera_to_world     [N, 4, 4]      pose of that camera
    camera_known        bool           False: nothing is known of a camera, and a default one stands there
    joints_camera_known bool           False: `joints_camera` is `joints_world` seen by that camera
    contacts            [N, 6]         0..1: left ankle, left foot, right ankle, right foot, left wrist, right wrist
    up_axis             "y"
    loops               bool           True, and only then there: the last frame is the first again, one cycle later
    root_position       [N, 3]         with a root bone: where it is on the ground, metres
    root_heading        [N]            with a root bone: its turn about +y from +z, radians

What the motion was made from, each only where there is some (`genmo.runtime.conditions.provenance`):

    given_texts         [K] strings        given_text_spans     [K, 2]  frames [start, end)
    given_keypoints     [n, 17, 3]         pixels and confidence, the spans one after the other
    given_keypoint_spans [S, 2]            given_intrinsics     [S, 3, 3]  pixels
    given_features      [F] "music", "video", "camera"          given_feature_spans  [F, 2]
    given_beats         [B] frames         given_keyframes      [P] frames
    given_place_frames, given_place_joints [M]                  given_place_positions [M, 3]  metres; NaN: free

The default camera stands still 4 m from the pelvis of the first frame, at its height, on its +z side, and looks
along -z.  Numbers are float32.  SMPL-24's joints 22 and 23 (hands) are not body joints of SMPL-X, so `poses`
does not have them; `rotations` does.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.provenance import (
    NO_SOURCES,
    PREFIX,
    MotionSources,
    sources_from_arrays,
    sources_to_arrays,
)
from genmo.runtime.motion.motion import Camera, Motion, RootPose, contact_labels
from genmo.runtime.motion.resampling import HIGHEST, LOWEST
from genmo.runtime.motion.root_track import RootTrack
from genmo.runtime.motion.rotation import axis_angle_from_matrix, orthogonal, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT
from genmo.runtime.motion.smpl_body import SMPLX_PELVIS, SmplxShape
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import LARGEST, read_npz

SMPLX_POSE = 165  # 55 joints of SMPL-X, three numbers each
SMPLX_BODY = 22  # root and 21 body joints, numbered as in SMPL-24
SMPLX_BETAS = 16
SMPLX_SHAPE = {"smplx_betas": (BETA_COUNT,), "smplx_rest": (JOINT_COUNT, 3)}
CAMERA_DISTANCE = 4.0  # metres from the default camera to the first frame's pelvis
ROTATION_ERROR = 0.01  # of an entry of a rotation matrix, over 1
SHORTEST_BONE, LONGEST_BONE = 1e-4, 10.0  # metres
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can state: same motion, same bytes


def to_npz(motion: Motion, sources: MotionSources = NO_SOURCES, *, root_bone: bool | RootTrack = False) -> bytes:
    """The bytes of the motion `.npz`; the same motion always gives the same bytes.

    `sources`: what it was made from, kept for viewers; `root_bone`: with the track of a root bone.
    """
    arrays = motion_arrays(motion, sources)
    track = motion.root_bone(root_bone)
    if track is not None:
        arrays |= {"root_position": track.position.astype(np.float32), "root_heading": track.yaw.astype(np.float32)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, np.asarray(value, order="C"), allow_pickle=False)
    return buffer.getvalue()


def default_camera(motion: Motion) -> Camera:
    """The camera of a motion that has none: still, 4 m from the first pelvis on its +z side, looking along -z."""
    position = np.asarray(motion.translation[0], np.float64) + (0.0, 0.0, CAMERA_DISTANCE)
    return Camera(
        rotation=np.tile(np.diag([1.0, -1.0, -1.0]), (motion.frames, 1, 1)),
        position=np.tile(position, (motion.frames, 1)),
    )


def motion_arrays(motion: Motion, sources: MotionSources = NO_SOURCES) -> dict[str, npt.NDArray[Any]]:
    """Everything the file holds, by key (see the module's table)."""
    arrays = {**_smplx_arrays(motion), **_genmo_arrays(motion), **sources_to_arrays(sources)}
    return {k: v.astype(np.float32) if v.dtype.kind == "f" and v.ndim else v for k, v in arrays.items()}


def _smplx_arrays(motion: Motion) -> dict[str, npt.NDArray[Any]]:
    poses = np.zeros((motion.frames, SMPLX_POSE))
    local = np.asarray(motion.rotations[:, :SMPLX_BODY], np.float64)
    poses[:, : 3 * SMPLX_BODY] = axis_angle_from_matrix(local).reshape(motion.frames, -1)
    betas, offset = np.zeros(SMPLX_BETAS), np.asarray(SMPLX_PELVIS)
    if motion.smplx is not None and motion.smplx.rest is not None:
        betas[: len(motion.smplx.betas)], offset = motion.smplx.betas, motion.smplx.pelvis
    return {
        "poses": poses,
        "trans": motion.translation - offset,
        "betas": betas,
        "gender": np.asarray("neutral"),
        "mocap_frame_rate": np.asarray(float(motion.fps)),
        "mocap_framerate": np.asarray(float(motion.fps)),
        "surface_model_type": np.asarray("smplx"),
        "root_orient": poses[:, :3],
        "pose_body": poses[:, 3 : 3 * SMPLX_BODY],
        "pelvis_offset": offset,
        "num_betas": np.asarray(SMPLX_BETAS),
        "mocap_time_length": np.asarray(motion.frames / float(motion.fps)),
    }


def _genmo_arrays(motion: Motion) -> dict[str, npt.NDArray[Any]]:
    joints = motion.joints_world()
    camera = default_camera(motion) if motion.camera is None else motion.camera
    joints_camera = camera.to_camera(joints) if motion.joints_camera is None else motion.joints_camera
    pose = np.tile(np.eye(4), (motion.frames, 1, 1))  # [frames, 4, 4]
    pose[:, :3, :3], pose[:, :3, 3] = camera.rotation, camera.position
    contacts = contact_labels(joints, motion.fps) if motion.contacts is None else motion.contacts
    shape = {} if motion.smplx is None else {"smplx_betas": motion.smplx.betas, "smplx_rest": motion.smplx.rest}
    return {
        "rotations": motion.rotations,
        "offsets": motion.rest_offsets,
        "genmo_betas": np.asarray(motion.betas),
        "joints_world": joints,
        "joints_camera": joints_camera,
        "camera_to_world": pose,
        "camera_known": np.asarray(motion.camera is not None),
        "joints_camera_known": np.asarray(motion.joints_camera is not None),
        "contacts": contacts,
        "up_axis": np.asarray("y"),
        **({"loops": np.asarray(True)} if motion.loops else {}),
        **{name: array for name, array in shape.items() if array is not None},
    }


def load_npz(path: str | Path) -> Motion:
    """The motion in a `.npz` that `to_npz` wrote.

    Raises InputError when the file cannot be read, is cut short, or is not such a file.
    """
    return load_npz_with_sources(path)[0]


def load_npz_with_sources(path: str | Path) -> tuple[Motion, MotionSources]:
    """The motion in a `.npz` that `to_npz` wrote, and what it was made from.

    Older files have no sources.  Raises InputError as `load_npz` does.
    """
    expected = "a motion .npz that genmo wrote; write it again with genmo-run --out FILE.npz"
    arrays = read_npz(path, expected)
    try:
        motion = _read_motion(arrays)
        return motion, sources_from_arrays(arrays, motion.frames)
    except KeyError as error:
        raise InputError(f"{path}: has no {error.args[0]!r}; wanted {expected}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {first_line(error)}; wanted {expected}") from error


def _read_motion(stored: dict[str, npt.NDArray[Any]]) -> Motion:
    rotations = stored["rotations"]
    frames = len(rotations)
    shapes: dict[str, tuple[int, ...]] = {
        "rotations": (frames, JOINT_COUNT, 3, 3),
        "joints_world": (frames, JOINT_COUNT, 3),
        "joints_camera": (frames, JOINT_COUNT, 3),
        "camera_to_world": (frames, 4, 4),
        "contacts": (frames, len(CONTACT_JOINTS)),
        "offsets": (JOINT_COUNT, 3),
        "genmo_betas": (BETA_COUNT,),
        "mocap_frame_rate": (),
    }
    shapes |= {name: shape for name, shape in SMPLX_SHAPE.items() if name in stored}
    for name, shape in shapes.items():
        if stored[name].shape != shape:
            raise ValueError(f"{name} has shape {stored[name].shape}, not {shape}")
        if stored[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} holds {stored[name].dtype}, not numbers")
    kept = [array for name, array in stored.items() if not name.startswith(PREFIX)]
    if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in kept):
        raise ValueError("holds numbers that are not finite")
    _check_body(stored)
    pose: Array = stored["camera_to_world"]
    return Motion(
        rotations=rotations,
        translation=stored["joints_world"][:, 0],
        betas=stored["genmo_betas"],
        offsets=stored["offsets"],
        contacts=stored["contacts"],
        camera=Camera(pose[:, :3, :3], pose[:, :3, 3]) if stored["camera_known"] else None,
        root_camera=_root_camera(stored) if stored["joints_camera_known"] else None,
        fps=float(stored["mocap_frame_rate"]),
        smplx=SmplxShape(stored["smplx_betas"], stored.get("smplx_rest")) if "smplx_betas" in stored else None,
        loops=frames > 1 and bool(np.all(stored.get("loops", False))),
    )


def _root_camera(stored: dict[str, npt.NDArray[Any]]) -> RootPose:
    """The root in the camera frame, by the rotation that lays each frame's joints in the world onto those in the
    camera (least squares, Kabsch 1976)."""
    world, camera = (np.asarray(stored[name], np.float64) for name in ("joints_world", "joints_camera"))
    to_camera = orthogonal(transpose(camera - camera[:, :1]) @ (world - world[:, :1]))
    return RootPose(to_camera @ stored["rotations"][:, 0], camera[:, 0])


def _check_body(stored: dict[str, npt.NDArray[Any]]) -> None:
    """Raise ValueError for numbers that no motion of a person has, and that a player could not show."""
    if not (np.abs(stored["rotations"]) <= 1 + ROTATION_ERROR).all():
        raise ValueError("rotations has entries beyond 1, so it holds no rotations")
    for name in ("joints_world", "joints_camera", "camera_to_world"):
        if not (np.abs(stored[name]) < LARGEST).all():
            raise ValueError(f"{name} reaches beyond {LARGEST:g} m")
    bones = np.linalg.norm(stored["offsets"].astype(np.float64), axis=-1)[1:]
    if not (SHORTEST_BONE <= bones.min() and bones.max() <= LONGEST_BONE):
        raise ValueError(f"offsets has bones of {bones.min():.3g} to {bones.max():.3g} m, not those of a body")
    if not LOWEST <= stored["mocap_frame_rate"] <= HIGHEST:
        raise ValueError(f"mocap_frame_rate is {stored['mocap_frame_rate']:g}, not {LOWEST:g} to {HIGHEST:g}")
