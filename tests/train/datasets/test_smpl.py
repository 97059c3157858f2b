"""Readers of SMPL data sets, on small files made exactly as the published ones are.

Truth is SMPL's own definition, posed with 4x4 matrices and Rodrigues' formula (`smpl_joints`).
"""

import json
import pickle

import numpy as np
import pytest

from genmo.runtime.motion.rotation import axis_angle_from_matrix
from genmo.runtime.motion.skeleton import PARENTS, forward_kinematics, rest_joints, shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.datasets import aist, amass, bedlam, emdb, human36m, humanml3d, motionx, rich, threedpw
from genmo.train.datasets.bodies import Bodies, floor_height, read_body, rest_offsets
from genmo.train.datasets.prepare import main as prepare

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
    with pytest.raises(InputError, match="broken.npz: not a readable .npz"):
        list(amass.read_folder(tmp_path, Bodies("default")))
    (tmp_path / "broken.npz").unlink()
    for module, wanted in (
        (amass, "DATASET/SUBJECT/NAME_poses.npz"), (aist, "motions/"), (motionx, "motion/keypoints"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=wanted):
            list(module.read_folder(tmp_path, Bodies("default")))


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (threedpw, "sequenceFiles"), (emdb, r"P\*/\*/\*_data.pkl"), (bedlam, "be_seq.csv"), (rich, "bodies/SPLIT"),
    ],
)  # fmt: skip
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
    assert whole.extra == {"split": "train", "tokens": ["a/DET man/NOUN walk/VERB", "a/DET"]}
    assert jump.extra == {"tokens": ["someone/PRON jump/VERB"]}
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
    with pytest.raises(InputError, match="000001.txt: no such file"):
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


def turned(axis: int, degrees: float) -> np.ndarray:
    vector = np.zeros(3)
    vector[axis] = np.radians(degrees)
    return rodrigues(vector)


BEDLAM_CAMERA = {"yaw": 33.0, "pitch": -11.0, "roll": 4.0, "x": -310.0, "y": 45.0, "z": 150.0}


BEDLAM_BODY = {"X": 120.0, "Y": -60.0, "Z": 12.0, "Yaw": 70.0}


def write_bedlam(tmp_path, motion, scene="20221010_3_1000_batch01hand", start=4, frames=20, **changes):
    folder = tmp_path / "images" / scene
    (folder / "ground_truth" / "camera").mkdir(parents=True, exist_ok=True)
    body = BEDLAM_BODY | {"Body": "rp_aaron_posed_002_1036", "Comment": f"start_frame={start};texture_body=skin_m.png"}
    rows = [
        {"Index": 0, "Type": "Comment", "Comment": "Sequences in the file"},
        {"Index": 1, "Type": "Group", "Body": "None", "Comment": f"sequence_name=seq_000000;frames={frames}"},
        {"Index": 2, "Type": "Body", "Pitch": 0, "Roll": 0, **body, **changes},
    ]
    columns = ["Index", "Type", "Body", "X", "Y", "Z", "Yaw", "Pitch", "Roll", "Comment"]
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    (folder / "be_seq.csv").write_text("\n".join([",".join(columns), *lines]) + "\n")
    camera = ["name,x,y,z,yaw,pitch,roll,focal_length,sensor_width,sensor_height,hfov"]
    for frame in range(frames):
        values = BEDLAM_CAMERA | {"yaw": BEDLAM_CAMERA["yaw"] + frame}
        numbers = ",".join(str(values[name]) for name in ("x", "y", "z", "yaw", "pitch", "roll"))
        camera.append(f"seq_000000_{frame:04d}.png,{numbers},50.0,36,20.25,39.6")
    (folder / "ground_truth" / "camera" / "seq_000000_camera.csv").write_text("\n".join(camera) + "\n")
    place = tmp_path / "smplx_gt" / "neutral_ground_truth_motioninfo" / "rp_aaron_posed_002" / "1036"
    place.mkdir(parents=True, exist_ok=True)
    poses = axis_angles(motion, 55)
    np.savez(
        place / "motion_seq.npz", poses=poses, trans=motion.translation, betas=BETAS[:11], gender="neutral",
        gender_sub="male", motion_info="CMU", mocap_frame_rate=30,
    )  # fmt: skip
    return poses[:, :72]


@pytest.mark.parametrize("scene", ["20221010_3_1000_batch01hand", "20221011_1_250_batch01hand_closeup_suburb_a"])
def test_bedlam_is_seen_as_its_own_scripts_see_it(tmp_path, motion, body_file, scene):
    """Joints in the camera by the formulas of BEDLAM's df_full_body.py: its world has y down, its bodies face their
    yaw less 90 degrees, the camera turns by yaw, pitch and roll with opposite signs; close-ups lie on their side."""
    poses = write_bedlam(tmp_path, motion, scene)
    (clip,) = bedlam.read_folder(tmp_path, Bodies(body_file(55)))
    assert clip.frames == 20 and clip.subject == "rp_aaron_posed_002" and clip.extra["motion"] == "1036"
    rest = rest_of(55, BETAS[:11])
    standing = smpl_joints(poses[4:24], motion.translation[4:24], rest)

    def unreal(x, y, z):
        return np.array([y, -z, x]) / 100

    down = np.diag([1.0, -1.0, -1.0])
    body = standing @ (turned(1, BEDLAM_BODY["Yaw"] - 90) @ down).T + unreal(*(BEDLAM_BODY[k] for k in "XYZ"))
    seen = []
    for frame in range(20):
        roll = -BEDLAM_CAMERA["roll"] + (90 if "closeup" in scene else 0)
        camera = turned(2, roll) @ turned(0, -BEDLAM_CAMERA["pitch"]) @ turned(1, -BEDLAM_CAMERA["yaw"] - frame)
        seen.append((body[frame] - unreal(*(BEDLAM_CAMERA[k] for k in "xyz"))) @ camera.T)
    found = clip.camera.to_camera(joints_of(clip))
    np.testing.assert_allclose(found[:, :22], np.array(seen)[:, :22], atol=1e-5)
    wide = 1280 if "closeup" not in scene else 720
    assert clip.image_size == (wide, 2000 - wide) and clip.truth == "world"
    np.testing.assert_allclose(np.diag(clip.intrinsics)[:2], 50 / 36 * 1280)
    upright = joints_of(clip)
    assert (upright[:, 12, 1] - upright[:, 0, 1]).mean() > 0.2  # y is up


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: write_bedlam(f, make(30), start=99), "30 frames; be_seq.csv wants it from frame 99 on"),
        (lambda f: write_bedlam(f, make(30), Yaw="north"), "wanted numbers in X, Y, Z, Yaw"),
        (lambda f: write_bedlam(f, make(30), Comment="none"), "no row with a start_frame"),
        (lambda f: next(f.rglob("motion_seq.npz")).unlink(), "motion_seq.npz: no such file"),
        (lambda f: next(f.rglob("*_camera.csv")).write_text("a,b\n1,2\n"), "wanted rows with the columns x, y, z"),
    ],
)
def test_a_wrong_bedlam_file_says_what_is_wrong(tmp_path, motion, body_file, change, message):
    write_bedlam(tmp_path, motion)
    change(tmp_path)
    with pytest.raises(InputError, match=message):
        list(bedlam.read_folder(tmp_path, Bodies(body_file(55))))


def make(frames):
    from genmo.runtime.motion.motion import Motion

    return Motion(np.tile(np.eye(3), (frames, 24, 1, 1)), np.zeros((frames, 3)))


RICH_TURN, RICH_SHIFT, RICH_SCALE = rodrigues(np.array([1.9, 0.3, -0.2])), np.array([0.4, -1.2, 2.1]), 1.02


def write_rich(tmp_path, motion, skipped=(), world=True):
    """The motion stands in a world with z up; bodies are in the frame of the first camera."""
    place, to_camera = tmp_path / "bodies" / "train" / "BBQ_001_guitar", RICH_TURN.T
    root = Z_UP @ motion.rotations[:, 0]
    poses = axis_angles(motion, 22)
    # world = c * x @ R + t for rows x: columns x = R (world - t) / c, and lengths in the camera's metres
    poses[:, :3] = axis_angle_from_matrix(to_camera.T @ root)
    pelvis = motion.translation @ Z_UP.T @ to_camera
    trans = pelvis - rest_of(55, BETAS[:10])[0]
    for frame in range(motion.frames):
        if frame in skipped:
            continue
        folder = place / f"{frame + 17:05d}"
        folder.mkdir(parents=True)
        stored = {
            "global_orient": poses[frame : frame + 1, :3], "body_pose": poses[frame : frame + 1, 3:66],
            "transl": trans[frame : frame + 1], "betas": BETAS[None, :10], "left_hand_pose": np.zeros((1, 12)),
            "expression": np.zeros((1, 10)),
        }  # fmt: skip
        (folder / "001.pkl").write_bytes(pickle.dumps({k: v.astype(np.float32) for k, v in stored.items()}))
    (tmp_path / "gender.json").write_text(json.dumps({"1": "male", "2": "female"}))
    if world:
        (tmp_path / "multicam2world").mkdir()
        stored = {"R": RICH_TURN.tolist(), "t": RICH_SHIFT.tolist(), "c": RICH_SCALE}
        (tmp_path / "multicam2world" / "BBQ_multicam2world.json").write_text(json.dumps(stored))
    calibration = tmp_path / "scan_calibration" / "BBQ" / "calibration"
    calibration.mkdir(parents=True)
    matrix = np.concatenate([turned(1, 25), [[0.3], [-0.2], [4.0]]], axis=1)
    texts = {"CameraMatrix": matrix, "Intrinsics": np.array([[900.0, 0, 512], [0, 910, 384], [0, 0, 1]])}
    parts = "".join(f"<{n}><data>{' '.join(map(str, v.ravel()))}</data></{n}>" for n, v in texts.items())
    for name in ("000", "001"):
        (calibration / f"{name}.xml").write_text(f"<opencv_storage>{parts}</opencv_storage>")
    return poses, trans, matrix


def test_rich_stands_in_its_world_and_is_seen_by_its_camera(tmp_path, motion, body_file):
    poses, trans, matrix = write_rich(tmp_path, motion)
    (clip,) = rich.read_folder(tmp_path, Bodies(body_file(55)))
    padded = np.concatenate([poses, np.zeros((30, 6))], axis=1)
    posed = smpl_joints(padded, trans, rest_of(55, BETAS[:10]))
    world = (RICH_SCALE * posed @ RICH_TURN + RICH_SHIFT) / RICH_SCALE
    np.testing.assert_allclose(body_joints(clip), (world @ Z_UP)[:, :22], atol=1e-5)
    np.testing.assert_allclose(clip.rotations[:, 0], motion.rotations[:, 0], atol=1e-5)
    seen = posed @ matrix[:, :3].T + matrix[:, 3]
    np.testing.assert_allclose(clip.camera.to_camera(joints_of(clip))[:, :22], seen[:, :22], atol=1e-5)
    assert (clip.name, clip.subject, clip.truth) == ("BBQ_001_guitar/001", "001", "world")
    assert clip.extra == {"split": "train", "scene": "BBQ", "camera": "000"} and clip.intrinsics[1, 1] == 910


def test_rich_is_cut_where_frames_are_missing_and_local_without_a_world(tmp_path, motion, body_file):
    write_rich(tmp_path, motion, skipped=(10, 11), world=False)
    first, second = rich.read_folder(tmp_path, Bodies(body_file(55)))
    assert (first.frames, second.frames) == (10, 18) and first.truth == second.truth == "local"
    assert second.name == "BBQ_001_guitar/001-1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "gender.json").unlink(), "gender.json of the RICH toolkit"),
        (lambda f: (f / "gender.json").write_text('{"2": "male"}'), "subject 001 is not in gender.json"),
        (lambda f: next(f.rglob("*_multicam2world.json")).write_text('{"R": [1], "t": 0, "c": 1}'), "R is no rotation"),
        (lambda f: (f / "scan_calibration/BBQ/calibration/000.xml").write_text("<a></a>"), "CameraMatrix and Intrin"),
        (lambda f: next(f.rglob("001.pkl")).write_bytes(pickle.dumps({"transl": np.zeros((1, 3))})), "global_orient"),
    ],
)
def test_a_wrong_rich_file_says_what_is_wrong(tmp_path, motion, body_file, change, message):
    write_rich(tmp_path, motion)
    change(tmp_path)
    with pytest.raises(InputError, match=message):
        list(rich.read_folder(tmp_path, Bodies(body_file(55))))


H36M_BONES = {1: 133.0, 2: 443.0, 3: 454.0, 4: 163.0, 5: 75.0, 11: 233.0, 12: 257.0, 13: 121.0, 14: 115.0, 16: 120.0,
              17: 151.0, 18: 279.0, 19: 252.0, 21: 100.0, 22: 138.0}  # fmt: skip


def h36m_take(frames=25, seed=0, order="ZXY"):
    """Angles [n, 78] and positions [n, 32, 3] of a take, by 4x4 matrices: channels turn in `order`, the world of the
    positions (z up, mm) is another one than that of the angles."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 50
    # arms hang from a zero pose in which they point up
    angles = np.zeros((frames, 25, 3))
    angles += 12 * np.sin(2 * time[..., None] + rng.uniform(0, 6, (1, 25, 3)))
    for joint, side in ((13, 1), (19, -1)):
        angles[:, joint, order.index("Z")] += -100 * side
    directions = human36m.DIRECTIONS
    lengths = np.zeros(32)
    for joint, length in H36M_BONES.items():
        lengths[joint] = length
        mirrored = {1: 6, 2: 7, 3: 8, 4: 9, 5: 10, 16: 24, 17: 25, 18: 26, 19: 27, 21: 29, 22: 30}.get(joint)
        if mirrored:
            lengths[mirrored] = length
    root = np.concatenate([500 * np.sin(time), 950 + 0 * time, 300 * time], axis=1)
    world = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ turned(1, 40)
    positions = np.zeros((frames, 32, 3))
    for frame in range(frames):
        placed = []
        for joint, parent in enumerate(human36m.PARENTS):
            local = np.eye(4)
            if joint in human36m.TURNING:
                turns = angles[frame, human36m.TURNING.index(joint)]
                for axis, angle in zip(order, turns, strict=True):
                    local[:3, :3] = local[:3, :3] @ turned("XYZ".index(axis), angle)
            local[:3, 3] = root[frame] if parent < 0 else lengths[joint] * directions[joint]
            placed.append(local if parent < 0 else placed[parent] @ local)
        positions[frame] = [matrix[:3, 3] @ world.T + [10, 20, 30] for matrix in placed]
    return np.concatenate([root, angles.reshape(frames, 75)], axis=1), positions


def write_cdf(path, values):
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    file = CDF(str(path.with_suffix("")))
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Var_Type": "zVariable"}
    file.write_var(spec | {"Dim_Sizes": list(values.shape)}, var_data=values[None].astype(np.float32))
    file.close()


@pytest.mark.parametrize("order", ["ZXY", "XYZ"])
def test_human36m_joints_are_those_of_its_positions(tmp_path, order):
    """At 50 fps to 30: every fifth frame of the file is a third of ours; y up, metres."""
    pytest.importorskip("cdflib")
    angles, positions = h36m_take(order=order)
    place = tmp_path / "S1" / "MyPoseFeatures"
    write_cdf(place / "D3_Angles" / "WalkDog 1.cdf", angles)
    write_cdf(place / "D3_Positions" / "WalkDog 1.cdf", positions.reshape(-1, 96))
    (clip,) = human36m.read_folder(tmp_path)
    assert (clip.name, clip.subject, clip.extra) == ("S1/WalkDog 1", "S1", {"action": "WalkDog"}) and clip.frames == 15
    joints = joints_of(clip)[::3]
    wanted = positions[::5][:, :, [0, 2, 1]] * [0.001, 0.001, -0.001]
    pairs = {
        0: 0,
        1: 6,
        2: 1,
        4: 7,
        5: 2,
        7: 8,
        8: 3,
        10: 9,
        11: 4,
        12: 13,
        16: 17,
        17: 25,
        18: 18,
        19: 26,
        20: 19,
        21: 27,
    }
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(joints[:, ours], wanted[:, theirs], atol=2e-4, err_msg=human36m.NAMES[theirs])


def test_wrong_human36m_files_say_what_is_wrong(tmp_path):
    pytest.importorskip("cdflib")
    with pytest.raises(InputError, match=r"no S\*/MyPoseFeatures/D3_Angles"):
        list(human36m.read_folder(tmp_path))
    angles, positions = h36m_take()
    place = tmp_path / "S1" / "MyPoseFeatures"
    write_cdf(place / "D3_Angles" / "Eating.cdf", angles)
    with pytest.raises(InputError, match="D3_Positions.Eating.cdf: no such file"):
        list(human36m.read_folder(tmp_path))
    write_cdf(place / "D3_Positions" / "Eating.cdf", positions.reshape(-1, 96)[:9])
    with pytest.raises(InputError, match="25 frames, its positions have 9"):
        list(human36m.read_folder(tmp_path))
    other = np.random.default_rng(0).normal(0, 500, positions.shape)
    with pytest.raises(InputError, match="mm apart at best"):
        human36m.read_recording(angles, other, "x")
    (place / "D3_Positions" / "Eating.cdf").write_bytes(b"no cdf")
    with pytest.raises(InputError, match="not read .*wanted a CDF file"):
        list(human36m.read_folder(tmp_path))


def test_the_command_prepares_them(tmp_path, motion, body_file, capsys):
    (tmp_path / "rich").mkdir()
    write_rich(tmp_path / "rich", motion)
    write_bedlam(tmp_path / "bedlam", motion)
    for kind in ("rich", "bedlam"):
        out = tmp_path / f"{kind}-clips"
        assert prepare([kind, str(tmp_path / kind), "--body", str(body_file(55)), "--out", str(out)]) == 0
        assert prepare(["check", str(out)]) == 0
    assert "1 clips, all checksums right" in capsys.readouterr().out
