"""Readers of SMPL data sets, on small files made exactly as the published ones are.

Truth is SMPL's own definition, posed with 4x4 matrices and Rodrigues' formula (`smpl_joints`).
"""

import json
import pickle

import numpy as np
import pytest

from genmo.runtime.errors import InputError
from genmo.runtime.rotation import axis_angle_from_matrix
from genmo.runtime.skeleton import PARENTS, forward_kinematics, rest_joints, shape_space
from genmo.train.datasets import aist, amass, emdb, humanml3d, motionx, threedpw
from genmo.train.datasets.bodies import Bodies, floor_height, read_body, rest_offsets
from genmo.train.datasets.resampling import frame_places

VERTICES = 300
# joints of a body model that are SMPL's 24
SMPL24_OF = {24: [*range(24)], 52: [*range(22), 25, 40], 55: [*range(22), 28, 43]}


def body_arrays(joints: int, seed: int = 0, betas: int = 10) -> dict[str, np.ndarray]:
    """v_template, shapedirs, J_regressor of a body whose joints are near those of the mean skeleton."""
    rng = np.random.default_rng(seed)
    rest = rest_joints(shape_space().mean) + [0.0, -0.24, 0.03]
    names = {
        24: [*range(24)],
        52: [*range(22), *[22] * 15, *[23] * 15],
        55: [*range(22), *[15] * 3, *[22] * 15, *[23] * 15],
    }
    places = rest[names[joints]] + rng.normal(0, 0.005, (joints, 3))
    vertices = np.concatenate([places, rng.normal(0, 0.3, (VERTICES - joints, 3))])
    regressor = np.eye(joints, VERTICES)
    return {
        "v_template": vertices,
        "shapedirs": rng.normal(0, 0.01, (VERTICES, 3, betas)),
        "J_regressor": regressor,
        "f": np.zeros((4, 3), np.uint32),
    }


def axis_angles(motion, joints: int) -> np.ndarray:
    """`poses` [frames, 3 joints] of a motion, hands at rest."""
    poses = np.zeros((motion.frames, joints, 3))
    poses[:, :22] = axis_angle_from_matrix(motion.rotations[:, :22])
    return poses.reshape(motion.frames, -1)


def smpl_joints(poses, trans, rest, parents=PARENTS) -> np.ndarray:
    """Posed joints [frames, 24, 3], frame by frame and joint by joint: SMPL's definition with 4x4 matrices."""
    frames = []
    for pose, shift in zip(poses.reshape(len(poses), -1, 3), trans, strict=True):
        world = []
        for joint, parent in enumerate(parents):
            local = np.eye(4)
            local[:3, :3] = rodrigues(pose[joint])
            local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
            world.append(local if parent < 0 else world[parent] @ local)
        frames.append([matrix[:3, 3] + shift for matrix in world])
    return np.array(frames)


def rodrigues(vector) -> np.ndarray:
    """Rotation matrix by Rodrigues' formula."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.fixture(scope="session")
def body_file(tmp_path_factory):
    """`body_file(joints)`: an .npz body of 24, 52 or 55 joints."""
    folder = tmp_path_factory.mktemp("bodies")

    def write(joints: int, betas: int = 10):
        path = folder / f"body_{joints}_{betas}.npz"
        if not path.exists():
            np.savez(path, **body_arrays(joints, betas=betas))
        return path

    return write


Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y up -> z up


def joints_of(clip):
    return forward_kinematics(
        *(np.asarray(getattr(clip, part), np.float64) for part in ("rotations", "translation", "offsets"))
    )[1]


def body_joints(clip):
    """Without the hands, which stay at rest here."""
    return joints_of(clip)[:, :22]


def rest_of(joints, betas, seed=0):
    """Rest joints [24, 3] by the definition: regressor times shaped vertices."""
    arrays = body_arrays(joints, seed)
    count = min(len(betas), 10)
    shaped = arrays["v_template"] + arrays["shapedirs"][..., :count] @ betas[:count]
    return (arrays["J_regressor"] @ shaped)[SMPL24_OF[joints]]


@pytest.fixture
def motion(random_motion):
    return random_motion(30, 7)


BETAS = np.linspace(-2, 2, 16)


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_a_body_gives_its_rest_joints(body_file, joints):
    body = read_body(body_file(joints))
    np.testing.assert_allclose(body.rest(BETAS), rest_of(joints, BETAS), atol=1e-12)
    offsets = rest_offsets(body.rest(BETAS))
    standing = forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1)), body.rest(BETAS)[None, 0], offsets)[1]
    np.testing.assert_allclose(standing[0], body.rest(BETAS), atol=1e-12)


def test_expressions_are_not_shapes(body_file):
    assert read_body(body_file(55, betas=20)).shapes.shape[-1] == 10
    assert read_body(body_file(55, betas=400)).shapes.shape[-1] == 300
    assert read_body(body_file(52, betas=16)).shapes.shape[-1] == 16


def test_bodies_by_gender(tmp_path):
    for name in ("SMPLH_MALE.npz", "female/model.npz", "basicmodel_neutral_lbs.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / name, **body_arrays(52, seed=len(name)))
    bodies = Bodies(tmp_path)
    for gender, name in (("male", "SMPLH_MALE.npz"), ("female", "female/model.npz")):
        np.testing.assert_array_equal(bodies.body(gender).template, read_body(tmp_path / name).template)
    (tmp_path / "another_m_.npz").write_bytes(b"")
    with pytest.raises(InputError, match="bodies for male: SMPLH_MALE.npz, another_m_.npz; wanted exactly one"):
        Bodies(tmp_path).body("male")
    with pytest.raises(InputError, match="no such file or folder"):
        Bodies(tmp_path / "none")


def test_a_wrong_body_says_what_is_missing(tmp_path, body_file):
    np.savez(tmp_path / "a.npz", v_template=np.zeros((9, 3)))
    with pytest.raises(InputError, match="has no shapedirs; wanted an SMPL"):
        read_body(tmp_path / "a.npz")
    np.savez(
        tmp_path / "b.npz", v_template=np.zeros((9, 3)), shapedirs=np.zeros((9, 3, 2)), J_regressor=np.zeros((7, 9))
    )
    with pytest.raises(InputError, match="of 24, 52 or 55 joints"):
        read_body(tmp_path / "b.npz")
    (tmp_path / "c.pkl").write_bytes(pickle.dumps({k: v for k, v in body_arrays(24).items()}))
    np.testing.assert_array_equal(read_body(tmp_path / "c.pkl").template, read_body(body_file(24)).template)


def write_amass(path, motion, joints, fps, **changes):
    """z up; SMPL-H files say mocap_framerate, SMPL-X files mocap_frame_rate."""
    poses = axis_angles(motion, joints)
    poses[:, :3] = axis_angle_from_matrix(Z_UP @ motion.rotations[:, 0])
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = {"mocap_framerate": np.array(fps)} if joints == 52 else {"mocap_frame_rate": np.array(fps)}
    arrays = {
        "poses": poses,
        "trans": motion.translation @ Z_UP.T,
        "betas": BETAS,
        "gender": np.array("female"),
        "dmpls": np.zeros((motion.frames, 8)),
        **rate,
    }
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})
    return arrays


@pytest.mark.parametrize("joints", [52, 55])
def test_amass_is_smpl_with_y_up(tmp_path, motion, body_file, joints):
    stored = write_amass(tmp_path / "CMU" / "01" / "01_01_poses.npz", motion, joints, 30.0)
    np.savez(tmp_path / "CMU" / "01" / "shape.npz", betas=BETAS, gender="female")
    (clip,) = amass.read_folder(tmp_path, Bodies(body_file(joints)))
    posed = smpl_joints(stored["poses"][:, :72], stored["trans"], rest_of(joints, BETAS))
    np.testing.assert_allclose(body_joints(clip), (posed @ Z_UP)[:, :22], atol=1e-5)
    assert (clip.name, clip.subject, clip.captions) == ("CMU/01/01_01_poses", "CMU/01", ())


@pytest.mark.parametrize(("fps", "frames"), [(120.0, 31), (100.0, 37), (59.94, 61), (30.0, 121)])
def test_amass_of_any_rate(tmp_path, random_motion, body_file, fps, frames):
    motion = random_motion(121, 1)
    write_amass(tmp_path / "a" / "b" / "c_poses.npz", motion, 52, fps)
    (clip,) = amass.read_folder(tmp_path, Bodies(body_file(52)))
    assert clip.frames == frames
    if fps in (120.0, 30.0):
        step = int(fps / 30)
        np.testing.assert_allclose(clip.rotations[:, :22], motion.rotations[::step, :22], atol=1e-5)


def test_the_default_skeleton_stands_on_the_floor(tmp_path, motion):
    write_amass(tmp_path / "a" / "b" / "c_poses.npz", motion, 52, 30.0)
    (clip,) = amass.read_folder(tmp_path, Bodies("default"))
    np.testing.assert_allclose(clip.rotations[:, :22], motion.rotations[:, :22], atol=1e-5)
    assert floor_height(clip.rotations, clip.translation, clip.offsets) == pytest.approx(0, abs=1e-5)
    moved = clip.translation - motion.translation
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    np.testing.assert_allclose(moved[0, [0, 2]], 0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": None, "gender": None, "betas": None}, "has no 'poses'"),
        ({"trans": None}, r"has no .*trans"),
        ({"mocap_framerate": None}, "has no 'mocap_framerate'"),
        ({"trans": np.zeros((4, 3))}, r"trans: shape \(4, 3\); wanted finite numbers \[30, 3\]"),
        ({"poses": np.full((30, 156), np.nan)}, "wanted finite numbers"),
        ({"poses": np.zeros((30, 60))}, r"poses: shape \(30, 60\)"),
        ({"gender": np.array("unknown")}, "gender 'unknown'; wanted male, female or neutral"),
        ({"mocap_framerate": np.array(0.0)}, "0.0 frames a second"),
    ],
)
def test_a_wrong_amass_file_says_what_is_wrong(tmp_path, motion, changes, message):
    write_amass(tmp_path / "a" / "b" / "c_poses.npz", motion, 52, 30.0, **changes)
    with pytest.raises(InputError, match=message):
        list(amass.read_folder(tmp_path, Bodies("default")))


def test_an_empty_folder_says_what_was_wanted(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="broken.npz: not read"):
        list(amass.read_folder(tmp_path, Bodies("default")))
    (tmp_path / "broken.npz").unlink()
    for module, wanted in (
        (amass, "DATASET/SUBJECT/NAME_poses.npz"), (aist, "motions/"), (motionx, "motion/keypoints"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=wanted):
            list(module.read_folder(tmp_path, Bodies("default")))


@pytest.mark.parametrize(("module", "wanted"), [(threedpw, "sequenceFiles"), (emdb, r"P\*/\*/\*_data.pkl")])
def test_filmed_sets_want_a_body(tmp_path, body_file, module, wanted):
    with pytest.raises(InputError, match="comes with cameras"):
        list(module.read_folder(tmp_path, Bodies("default")))
    with pytest.raises(InputError, match=wanted):
        list(module.read_folder(tmp_path, Bodies(body_file(24))))


def humanml3d_folder(tmp_path, rows, texts):
    folder = tmp_path / "HumanML3D"
    (folder / "texts").mkdir(parents=True)
    lines = ["source_path,start_frame,end_frame,new_name", *rows]
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    for name, text in texts.items():
        (folder / "texts" / f"{name}.txt").write_text(text)
    return folder


def test_humanml3d_cuts_amass_as_its_index_says(tmp_path, random_motion, body_file):
    """120 fps: one frame of the index is 6 of the file; HDM05 loses 3 s (60 frames) first, and has a newer name."""
    motion = random_motion(1200, 3)
    write_amass(tmp_path / "AMASS" / "CMU" / "01" / "01_01_poses.npz", motion, 52, 120.0)
    write_amass(tmp_path / "AMASS" / "HDM05" / "bk" / "HDM_bk_stageii.npz", motion, 52, 120.0)
    folder = humanml3d_folder(
        tmp_path,
        [
            "./pose_data/CMU/01/01_01_poses.npy,10,110,000001.npy",
            "./pose_data/MPI_HDM05/bk/HDM_bk_poses.npy,0,100,000002.npy",
            "./pose_data/humanact12/humanact12/P01G01R01.npy,0,50,000003.npy",
        ],
        {
            "000001": "a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\na person strolls#a/DET#0.0#0.0\n"
            "he turns#he/PRON turn/VERB#1.0#3.0\n",
            "000002": "someone jumps#someone/PRON jump/VERB#nan#nan\n",
        },
    )
    (folder / "train.txt").write_text("000001\nM000001\n")
    whole, part, jump = humanml3d.read_folder(folder, tmp_path / "AMASS", Bodies(body_file(52)))
    assert (whole.name, part.name, jump.name) == ("000001", "000001-1", "000002")
    assert whole.captions == ("a man walks", "a person strolls") and part.captions == ("he turns",)
    assert (whole.subject, jump.subject) == ("CMU/01", "MPI_HDM05/bk")
    assert (whole.extra, jump.extra) == ({"split": "train"}, {})
    for clip, first, frames in ((whole, 60, 150), (part, 180, 60), (jump, 360, 150)):
        assert clip.frames == frames
        want = motion.rotations[first : first + 4 * frames : 4, :22]
        np.testing.assert_allclose(clip.rotations[:, :22], want, atol=1e-5)


def test_humanml3d_says_where_it_looked(tmp_path, motion, body_file):
    rows = ["./pose_data/BioMotionLab_NTroje/rub001/0000_x_poses.npy,0,20,000001.npy"]
    folder = humanml3d_folder(tmp_path, rows, {"000001": "a#b#0#0\n"})
    read = lambda **k: list(humanml3d.read_folder(folder, tmp_path / "AMASS", Bodies(body_file(52)), **k))  # noqa: E731
    with pytest.raises(InputError, match="0000_x_poses.npz: not there .*wanted the AMASS motion"):
        read()
    assert read(skip_missing=True) == []
    write_amass(tmp_path / "AMASS" / "BMLrub" / "rub001" / "0000_x_poses.npz", motion, 52, 30.0)
    (clip,) = read()
    assert clip.frames == 20
    for text, message in (("a#b#0\n", "000001.txt, line 1: .*wanted lines caption#tokens#from#to"),):
        (folder / "texts" / "000001.txt").write_text(text)
        with pytest.raises(InputError, match=message):
            read()
    (folder / "texts" / "000001.txt").unlink()
    with pytest.raises(InputError, match="000001.txt: cannot be read"):
        read()
    (folder / "index.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="index.csv with the columns source_path"):
        read()


def write_aist(folder, motion, name="gBR_sBM_cAll_d04_mBR0_ch01", **changes):
    (folder / "motions").mkdir(parents=True, exist_ok=True)
    stored = {
        "smpl_loss": 1.23,
        "smpl_poses": axis_angles(motion, 24),
        "smpl_scaling": np.array([93.5]),
        "smpl_trans": motion.translation * 93.5,
    } | changes
    (folder / "motions" / f"{name}.pkl").write_bytes(pickle.dumps({k: v for k, v in stored.items() if v is not None}))


def test_aist_is_scaled_to_metres_and_halved_in_rate(tmp_path, random_motion, body_file):
    motion = random_motion(61, 2)
    write_aist(tmp_path, motion)
    write_aist(tmp_path, motion, name="gPO_sFM_cAll_d10_mPO1_ch02")
    (tmp_path / "ignore_list.txt").write_text("gPO_sFM_cAll_d10_mPO1_ch02\n")
    (clip,) = aist.read_folder(tmp_path, Bodies(body_file(24)))
    posed = smpl_joints(axis_angles(motion, 24), motion.translation, rest_of(24, np.zeros(10)))
    np.testing.assert_allclose(body_joints(clip), posed[::2, :22], atol=1e-5)
    assert clip.subject == "d04"
    assert clip.extra == {"genre": "BR", "situation": "BM", "music": "mBR0", "dance": "ch01"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"smpl_trans": None}, "has no 'smpl_trans'"),
        ({"smpl_poses": np.zeros((5, 71))}, r"smpl_poses: shape \(5, 71\); wanted finite numbers \[n, 72\]"),
        ({"smpl_scaling": np.array([0.0])}, "smpl_scaling is 0.0"),
    ],
)
def test_a_wrong_aist_file_says_what_is_wrong(tmp_path, motion, changes, message):
    write_aist(tmp_path, motion, **changes)
    with pytest.raises(InputError, match=message):
        list(aist.read_folder(tmp_path, Bodies("default")))


def extrinsics_of(camera):
    """World to camera [n, 4, 4], the inverse of the camera's pose, by np.linalg.inv."""
    pose = np.tile(np.eye(4), (len(camera.position), 1, 1))
    pose[:, :3, :3], pose[:, :3, 3] = camera.rotation, camera.position
    return np.linalg.inv(pose)


def test_3dpw_gives_people_cameras_and_keypoints(tmp_path, random_motion, random_camera, body_file):
    motions = [random_motion(12, seed) for seed in (1, 2)]
    extrinsics = extrinsics_of(random_camera(12, 1))
    rng = np.random.default_rng(0)
    # every OpenPose point of person p holds its own name: x = index, y = p
    points = [
        np.stack([np.tile(np.arange(18.0), (12, 1)), np.full((12, 18), p), np.ones((12, 18))], axis=1) for p in (0, 1)
    ]
    valid = [rng.random(12) < 0.5 for _ in motions]
    stored = {
        "sequence": "courtyard_x_00", "genders": ["m", "f"], "betas": [BETAS[:10], BETAS],
        "poses": [axis_angles(m, 24) for m in motions], "trans": [m.translation for m in motions],
        "poses2d": points, "cam_poses": extrinsics, "cam_intrinsics": np.eye(3), "campose_valid": valid,
        "img_frame_ids": np.arange(12), "v_template_clothed": [np.zeros((2, 3))] * 2,
    }  # fmt: skip
    path = tmp_path / "sequenceFiles" / "validation" / "courtyard_x_00.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(stored, 2))
    clips = list(threedpw.read_folder(tmp_path, Bodies(body_file(24))))
    assert [clip.name for clip in clips] == ["courtyard_x_00_0", "courtyard_x_00_1"]
    left_then_right = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
    for person, (clip, motion) in enumerate(zip(clips, motions, strict=True)):
        posed = smpl_joints(stored["poses"][person], motion.translation, rest_of(24, stored["betas"][person]))
        np.testing.assert_allclose(body_joints(clip), posed[:, :22], atol=1e-5)
        homogeneous = np.concatenate([posed, np.ones((12, 24, 1))], axis=-1)
        seen = np.einsum("fij,fkj->fki", extrinsics, homogeneous)[..., :3]
        np.testing.assert_allclose(clip.camera.to_camera(posed), seen, atol=1e-9)
        np.testing.assert_array_equal(clip.keypoints[0, :, 0], left_then_right)
        assert (clip.keypoints[:, :, 1] == person).all()
        np.testing.assert_array_equal(clip.valid, valid[person])
        assert clip.truth == "local" and clip.extra == {"split": "validation"}
    del stored["campose_valid"]
    path.write_bytes(pickle.dumps(stored, 2))
    with pytest.raises(InputError, match="has no 'campose_valid'"):
        list(threedpw.read_folder(tmp_path, Bodies(body_file(24))))


def write_emdb(tmp_path, motion, camera):
    poses = axis_angles(motion, 24)
    stored = {
        "gender": "male", "name": "P3_29_outdoor_stairs", "emdb1": False, "emdb2": True, "n_frames": motion.frames,
        "good_frames_mask": np.arange(motion.frames) > 3,
        "camera": {"intrinsics": np.eye(3), "extrinsics": extrinsics_of(camera), "width": 1440, "height": 1920},
        "smpl": {
            "poses_root": poses[:, :3], "poses_body": poses[:, 3:], "trans": motion.translation, "betas": BETAS[:10],
        },
        "kp2d": np.zeros((motion.frames, 24, 2)), "bboxes": {},
    }  # fmt: skip
    path = tmp_path / "P3" / "29_outdoor_stairs" / "P3_29_outdoor_stairs_data.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(stored))


def test_emdb_gives_world_motion_and_camera(tmp_path, motion, random_camera, body_file):
    camera = random_camera(30, 2)
    write_emdb(tmp_path, motion, camera)
    (clip,) = emdb.read_folder(tmp_path, Bodies(body_file(24)))
    posed = smpl_joints(axis_angles(motion, 24), motion.translation, rest_of(24, BETAS[:10]))
    np.testing.assert_allclose(body_joints(clip), posed[:, :22], atol=1e-5)
    np.testing.assert_allclose(clip.camera.rotation, camera.rotation, atol=1e-9)
    np.testing.assert_allclose(clip.camera.position, camera.position, atol=1e-9)
    assert (clip.name, clip.subject, clip.image_size) == ("P3_29_outdoor_stairs", "P3", (1440, 1920))
    assert clip.extra == {"emdb1": False, "emdb2": True} and clip.valid.sum() == 26
    write_emdb(tmp_path, motion.moved(Z_UP, np.zeros(3)), camera)
    with pytest.raises(InputError, match="stands along z; wanted a world with y up"):
        list(emdb.read_folder(tmp_path, Bodies(body_file(24))))


def test_motionx_gives_keypoints_and_texts(tmp_path, motion, body_file):
    values = np.zeros((30, 322))
    values[:, :66] = axis_angles(motion, 22)
    values[:, 66:309] = 9.0  # hands, jaw, expression, face shape: not ours
    values[:, 309:312], values[:, 312:] = motion.translation, BETAS[:10]
    points = np.random.default_rng(0).normal(size=(30, 20, 3))
    folders = {name: tmp_path / name / "dance" for name in (motionx.KEYPOINTS, motionx.MOTIONS, motionx.TEXTS)}
    for folder in folders.values():
        folder.mkdir(parents=True)
    np.save(folders[motionx.MOTIONS] / "jig.npy", values.astype(np.float32))
    order = np.random.default_rng(1).permutation(30)
    entries = [{"id": int(i), "file_name": f"jig/{i + 1:06d}.png", "body_kpts": points[i].tolist()} for i in order]
    (folders[motionx.KEYPOINTS] / "jig.json").write_text(json.dumps({"images": [], "annotations": entries}))
    (folders[motionx.TEXTS] / "jig.txt").write_text("a person dances a jig\n")
    (clip,) = motionx.read_folder(tmp_path, Bodies(body_file(55)))
    np.testing.assert_allclose(clip.keypoints, points[:, :17], atol=1e-6)
    posed = smpl_joints(axis_angles(motion, 24), motion.translation, rest_of(55, BETAS[:10]))
    np.testing.assert_allclose(body_joints(clip), posed[:, :22], atol=1e-5)
    assert clip.truth == "keypoints" and clip.captions == ("a person dances a jig",)
    (folders[motionx.KEYPOINTS] / "jig.json").write_text(json.dumps({"annotations": entries[:-1]}))
    with pytest.raises(InputError, match="29 frames, but jig.npy has 30"):
        list(motionx.read_folder(tmp_path, Bodies(body_file(55))))


def test_places_of_frames():
    np.testing.assert_array_equal(frame_places(5, 60.0), [0, 2, 4])
    np.testing.assert_array_equal(frame_places(4, 60.0), [0, 2])
    np.testing.assert_array_equal(frame_places(1, 24.0), [0])
    np.testing.assert_allclose(frame_places(3, 24.0), [0, 0.8, 1.6])
    np.testing.assert_array_equal(frame_places(120, 1 / 0.0333333), np.arange(120))
    for bad in (0.0, -3.0, np.nan):
        with pytest.raises(InputError, match="frames a second"):
            frame_places(10, bad)
