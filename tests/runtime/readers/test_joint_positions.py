"""What other text-to-motion models write: joints and HumanML3D's features."""

import numpy as np
import pytest

from genmo.runtime.cli.retarget import main
from genmo.runtime.motion.motion import MAX_FRAMES, Motion
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS
from genmo.runtime.readers.joint_positions import joints_of_features, read_joint_positions
from genmo.runtime.retarget.keyframes import keyframes_from_file, motion_from_file
from genmo.runtime.support.errors import InputError
from genmo.train.evaluation.humanml3d_features import features

FRAMES = 41


@pytest.fixture
def walker(random_motion) -> Motion:
    return random_motion(FRAMES, 5)


@pytest.fixture
def written(walker, tmp_path):
    """Writes an array to an .npy, the walker's features if none is given."""

    def write(array=None, name="motion.npy"):
        np.save(tmp_path / name, features(walker.joints_world()) if array is None else array)
        return tmp_path / name

    return write


def test_features_and_their_inverse_are_the_same_joints(walker):
    """To 1 mm, but for a turn about the vertical and where they start."""
    joints = walker.joints_world()[:-1, :22]
    found = joints_of_features(features(walker.joints_world()))
    assert found.shape == joints.shape
    np.testing.assert_allclose(found[0, 0, [0, 2]], 0, atol=1e-6)
    a, b = (q - q[0, 0] for q in (found, joints))
    flat_a, flat_b = a[..., 0] + 1j * a[..., 2], b[..., 0] + 1j * b[..., 2]
    turn = (flat_a * flat_b.conj()).sum()
    np.testing.assert_allclose(flat_a, flat_b * turn / abs(turn), atol=1e-3)
    np.testing.assert_allclose(a[..., 1], b[..., 1], atol=1e-3)


def test_a_file_of_either_kind_is_a_motion_on_the_floor(walker, written):
    joints = walker.joints_world()
    for array in (None, features(joints)[None], joints[:, :22], joints, joints[None, :, :22], joints[:1]):
        motion = read_joint_positions(written(array))
        assert motion.fps == 20 and motion.frames in (1, FRAMES - 1, FRAMES)
        assert motion.joints_world()[:, FOOT_JOINTS, 1].min() == pytest.approx(BALL_HEIGHT)
        bones = np.linalg.norm(np.diff(motion.joints_world()[:, [1, 4, 7]], axis=1), axis=-1)
        wanted = np.linalg.norm(np.diff(joints[0, [1, 4, 7]], axis=0), axis=-1)
        np.testing.assert_allclose(bones, np.broadcast_to(wanted, bones.shape), atol=1e-3)


def test_keyframes_and_starts_come_from_it(written):
    path = written()
    assert motion_from_file(path).fps == 30
    assert keyframes_from_file(path, [(7, 50)]).frames.tolist() == [50]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((20, 263)), "root is at 0.00 m; these features seem to be normalised: multiply by Std.npy"),
        (np.zeros((20, 262)), r"got an array of \[20, 262\], wanted an array of joints"),
        (np.zeros((0, 22, 3)), "wanted an array of joints"),
        (np.full((9, 22, 3), np.nan), "all of it finite"),
        (np.array(["a"]), "wanted an array of joints"),
        (np.zeros(()), r"got an array of \[\], wanted"),
        (np.zeros((MAX_FRAMES + 1, 22, 3), np.int8), "cut it in parts"),
        (np.array([{"motion": 1}], dtype=object), "wanted an array of joints"),
    ],
)
def test_anything_else_is_one_line(written, array, said):
    with pytest.raises(InputError, match=said) as error:
        read_joint_positions(written(array))
    assert "\n" not in str(error.value)


def test_another_models_answer_goes_on_a_character(written, tmp_path, walker, capsys):
    from genmo.runtime.formats import save_motion

    save_motion(tmp_path / "rig.bvh", walker)
    out = tmp_path / "on-rig.bvh"
    assert main([str(written()), "--character", str(tmp_path / "rig.bvh"), "--out", str(out)]) == 0
    assert out.read_text().startswith("HIERARCHY")
    assert main([str(written()), "--scale", "1", "--character", str(tmp_path / "rig.bvh"), "--out", str(out)]) == 2
    assert "--scale" in capsys.readouterr().err
