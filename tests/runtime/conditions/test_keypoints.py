"""Keypoints and cameras as a user gives them, turned into what the network is asked."""

import numpy as np
import pytest

from genmo.runtime.conditions.condition_arrays import camera_condition, keypoint_conditions
from genmo.runtime.conditions.keypoints import Keypoints, bounding_boxes, default_intrinsics, parse_keypoints
from genmo.runtime.conditions.timeline import assemble
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.conventions import CONVENTIONS
from genmo.runtime.motion.motion import Camera
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.support.errors import InputError

CONFIG = ModelConfig(width=32, heads=2, video_width=0, music_width=3, text_width=4, text_tokens=2)


def keypoint_arrays(frames=4):
    points = np.random.default_rng(0).uniform(100, 400, (frames, 17, 3))
    points[..., 2] = 1
    return {"keypoints": points, "image_size": np.array([640, 480])}


def poses(frames):
    return np.tile(np.eye(4), (frames, 1, 1))


def rotated_poses(angle, frames=2):
    camera = poses(frames)
    c, s = np.cos(angle), np.sin(angle)
    camera[1:, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    return camera


def test_boxes_are_square_around_what_is_seen():
    points = np.zeros((1, 17, 3))
    points[0, :3] = [[10, 20, 0.9], [30, 120, 0.51], [500, 900, 0.5]]  # the last is not seen
    boxes, has_box = bounding_boxes(points)
    np.testing.assert_allclose(boxes, [[20, 70, 1.2 * 100]])
    assert has_box.tolist() == [True]


def test_released_weights_see_people_of_three_to_four():
    """Boxes are first widened or made higher to 192:256; a standing person's is as before."""
    standing, lying = np.zeros((2, 17, 3))
    standing[:2], lying[:2] = [[0, 0, 1], [50, 100, 1]], [[0, 0, 1], [100, 50, 1]]
    boxes, _ = bounding_boxes(np.stack([standing, lying]), CONVENTIONS["gem"])
    np.testing.assert_allclose(boxes, [[25, 50, 1.2 * 100], [50, 25, 1.2 * 100 / 0.75]])


@pytest.mark.parametrize(("count", "boxed"), [(1, False), (2, False), (3, False), (4, True)])
def test_released_weights_want_four_keypoints_for_a_box(count, boxed):
    points = np.zeros((1, 17, 3))
    points[0, :count] = [[10 * n, 7 * n, 1] for n in range(count)]
    arrays = keypoint_conditions(Keypoints(points, np.eye(3)), CONVENTIONS["gem"])
    assert arrays["bounding_box_mask"][0] == boxed and arrays["bounding_box"].any() == boxed
    assert arrays["keypoints_mask"][0] == (count > 1), "the keypoints themselves are shown, as they were in training"


def test_to_released_weights_an_unknown_camera_stands_still():
    keypoints = Keypoints(keypoint_arrays(5)["keypoints"], np.eye(3))
    arrays = keypoint_conditions(keypoints, CONVENTIONS["gem"])
    assert arrays["camera_mask"].all() and "camera" not in keypoint_conditions(keypoints)
    np.testing.assert_array_equal(arrays["camera"][:, :9], np.tile([1, 0, 0, 0, 1, 0, 0, 0, 0], (5, 1)))


def test_boxes_bridge_gaps_and_hold_at_the_ends():
    points = np.zeros((6, 17, 3))
    for frame, x in ((1, 100.0), (4, 400.0)):
        points[frame, :2] = [[x - 50, 0, 1], [x + 50, 40, 1]]
    points[2, 0] = [7, 7, 1]  # one point is no box
    points[3, :2] = [[5, 5, 1], [5, 5, 1]]  # neither are two at one place
    boxes, has_box = bounding_boxes(points)
    assert has_box.tolist() == [False, True, False, False, True, False]
    np.testing.assert_allclose(boxes[:, 0], [100, 100, 200, 300, 400, 400])
    np.testing.assert_allclose(boxes[:, 2], 120)


def test_nobody_seen_is_no_condition():
    points = keypoint_arrays(3)["keypoints"]
    points[..., 2] = 0
    arrays = keypoint_conditions(Keypoints(points, np.eye(3)))
    assert set(arrays) == {"keypoints", "keypoints_mask", "bounding_box", "bounding_box_mask"}
    assert not any(array.any() for array in arrays.values())
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_keypoints_fill_their_box_and_hidden_ones_are_zero():
    points = np.zeros((1, 17, 3))
    points[0, :3] = [[0, 0, 1], [100, 200, 1], [50, 50, 0.2]]
    arrays = keypoint_conditions(Keypoints(points, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])))
    np.testing.assert_allclose(arrays["keypoints"][0, 0], [-100 / 240 * 2 * 0.5, -200 / 240, 1])
    np.testing.assert_allclose(arrays["keypoints"][0, 1], [100 / 240, 200 / 240, 1])
    assert not arrays["keypoints"][0, 2:].any()
    np.testing.assert_allclose(arrays["bounding_box"][0], [(50 - 320) / 500, (100 - 240) / 500, 240 / 500])


def test_scale_and_place_of_the_image_do_not_matter():
    """Twice the resolution and another crop: the same condition when the intrinsics follow."""
    points = keypoint_arrays(5)["keypoints"]
    points[2, 3:9, 2] = 0
    intrinsics = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    moved, zoomed = points.copy(), intrinsics.copy()
    moved[..., :2] = 2 * points[..., :2] + [31, -17]
    zoomed[:2] *= 2
    zoomed[:2, 2] += [31, -17]
    ours, theirs = (keypoint_conditions(Keypoints(p, k)) for p, k in ((points, intrinsics), (moved, zoomed)))
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-12)


def test_camera_condition_is_the_move_to_the_next_frame():
    rng = np.random.default_rng(2)
    angle = np.cumsum(rng.normal(0, 0.1, 5))
    rotation = np.stack([rotated_poses(a)[1, :3, :3] for a in angle])
    position = rng.normal(size=(5, 3))
    moves = camera_condition(Camera(rotation, position))
    assert moves.shape == (5, 12)
    point = rng.normal(size=3)
    for f in range(4):  # a point seen by camera f and f + 1
        before, after = (rotation[k].T @ (point - position[k]) for k in (f, f + 1))
        rows = moves[f, :6].reshape(2, 3)
        turn = np.stack([*rows, np.cross(*rows)])
        np.testing.assert_allclose(turn @ (before - moves[f, 6:9]), after, atol=1e-12)
    np.testing.assert_allclose(moves[:, 9:], rotation[:, 1], atol=1e-12)  # world up in camera axes
    np.testing.assert_array_equal(moves[4, :9], moves[3, :9])


def test_one_frame_is_a_still_camera():
    moves = camera_condition(Camera(np.diag([1.0, -1.0, -1.0])[None], np.ones((1, 3))))
    np.testing.assert_array_equal(moves, [[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, -1, 0]])


def test_default_focal_length_is_the_diagonal():
    np.testing.assert_allclose(default_intrinsics(400, 300), [[500, 0, 200], [0, 500, 150], [0, 0, 1]])


def test_parsing_takes_integers_intrinsics_and_cameras():
    arrays = keypoint_arrays() | {"camera_to_world": rotated_poses(0.5, 4), "fps": np.array(30.2)}
    arrays["keypoints"] = arrays["keypoints"].astype(np.int32)
    keypoints = parse_keypoints(arrays)
    assert keypoints.frames == 4 and keypoints.camera is not None and keypoints.points.dtype == np.float64
    np.testing.assert_allclose(keypoints.intrinsics, default_intrinsics(640, 480))
    own = parse_keypoints({"keypoints": arrays["keypoints"], "intrinsics": 700 * np.eye(3)})
    assert own.camera is None and own.intrinsics[0, 0] == 700


def without(arrays, name):
    return {key: value for key, value in arrays.items() if key != name}


def with_number(arrays, name, number):
    changed = arrays[name].astype(float)
    changed.flat[0] = number
    return arrays | {name: changed}


GOOD = keypoint_arrays()
BAD_KEYPOINTS = {
    "no keypoints": (without(GOOD, "keypoints"), "no array 'keypoints'"),
    "no image size": (without(GOOD, "image_size"), "no array 'image_size'"),
    "20 columns": (GOOD | {"keypoints": np.ones((4, 17, 20))}, r"\[4, 17, 20\]; wanted numbers \[N, 17, 3\]"),
    "20 points": (GOOD | {"keypoints": np.ones((4, 20, 3))}, r"wanted numbers \[N, 17, 3\]"),
    "flat": (GOOD | {"keypoints": np.ones((4, 51))}, "wanted numbers"),
    "no frames": (GOOD | {"keypoints": np.ones((0, 17, 3))}, "0 frames; wanted at least 1"),
    "infinite": (with_number(GOOD, "keypoints", np.inf), "NaN or infinity"),
    "words": (GOOD | {"keypoints": np.full((4, 17, 3), "a")}, "wanted numbers"),
    "complex": (GOOD | {"keypoints": np.ones((4, 17, 3), complex)}, "wanted numbers"),
    "objects": (GOOD | {"keypoints": np.full((4, 17, 3), None)}, "wanted numbers"),
    "size of zero": (GOOD | {"image_size": np.array([640, 0])}, "wanted width and height over 0"),
    "size of three": (GOOD | {"image_size": np.array([640, 480, 3])}, r"wanted numbers \[2\]"),
    "no focal": (GOOD | {"intrinsics": np.zeros((3, 3))}, "focal length 0"),
    "intrinsics 4 x 4": (GOOD | {"intrinsics": np.eye(4)}, r"wanted numbers \[3, 3\]"),
    "other length": (GOOD | {"camera_to_world": poses(3)}, r"wanted numbers \[4, 4, 4\]"),
    "scaled camera": (GOOD | {"camera_to_world": 2 * poses(4)}, "no rotations"),
    "mirrored camera": (GOOD | {"camera_to_world": poses(4) * [-1, 1, 1, 1]}, "no rotations"),
    "NaN camera": (with_number(GOOD | {"camera_to_world": poses(4)}, "camera_to_world", np.nan), "NaN"),
    "60 fps": (GOOD | {"fps": np.array(60)}, "fps is 60; wanted 30"),
    "NaN fps": (GOOD | {"fps": np.array(np.nan)}, "fps"),
    "fps in words": (GOOD | {"fps": np.array("thirty")}, "fps"),
    "no fps": (GOOD | {"fps": np.zeros(0)}, "fps"),
}


@pytest.mark.parametrize("name", BAD_KEYPOINTS)
def test_bad_keypoints_are_one_clear_line(name):
    arrays, message = BAD_KEYPOINTS[name]
    with pytest.raises(InputError, match=message) as caught:
        parse_keypoints(arrays, "file.npz")
    assert str(caught.value).startswith("file.npz: ") and "\n" not in str(caught.value)


def test_reading_is_parsing_a_file(tmp_path):
    np.savez(tmp_path / "k.npz", **GOOD)
    np.testing.assert_array_equal(read_keypoints(tmp_path / "k.npz").points, GOOD["keypoints"])


def npy_in_disguise(path):
    with path.open("wb") as file:
        np.save(file, GOOD["keypoints"])


def truncated(path):
    np.savez(path, **GOOD)
    path.write_bytes(path.read_bytes()[:-200])


def damaged(path):
    np.savez_compressed(path, **GOOD)
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)


BAD_FILES = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("x,y,c\n1,2,3\n"),
    "an npy": npy_in_disguise,
    "truncated": truncated,
    "damaged": damaged,
    "pickled": lambda path: np.savez(path, keypoints=np.array([{"a": 1}], object), image_size=GOOD["image_size"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_one_clear_line(tmp_path, name):
    BAD_FILES[name](tmp_path / "k.npz")
    with pytest.raises(InputError, match="wanted keypoints as .npz") as caught:
        read_keypoints(tmp_path / "k.npz")
    assert "\n" not in str(caught.value)


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('pickled code ran')",)


def test_pickled_code_is_never_run(tmp_path):
    np.savez(tmp_path / "k.npz", keypoints=np.array([Bomb()], object))
    with pytest.raises(InputError):
        read_keypoints(tmp_path / "k.npz")


def test_assembling_fills_what_is_absent_with_zeros():
    arrays = assemble(CONFIG, 5, {"music": np.ones((5, 3)), "music_mask": np.ones(5)})
    assert {name: array.shape for name, array in arrays.items()} == {
        "keypoints": (1, 5, 17, 3),
        "keypoints_mask": (1, 5),
        "bounding_box": (1, 5, 3),
        "bounding_box_mask": (1, 5),
        "camera": (1, 5, 12),
        "camera_mask": (1, 5),
        "music": (1, 5, 3),
        "music_mask": (1, 5),
    }
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert {name for name, array in arrays.items() if array.any()} == {"music", "music_mask"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"video": np.ones((5, 1024))}, "takes no 'video' condition"),
        ({"music": np.ones((4, 3))}, r"music is \[4, 3\]; wanted \[5, 3\]"),
        ({"camera_mask": np.ones((5, 1))}, "camera_mask"),
    ],
)
def test_assembling_refuses_what_does_not_fit(given, message):
    with pytest.raises(InputError, match=message):
        assemble(CONFIG, 5, given)


def test_a_point_that_is_not_a_number_was_not_seen():
    arrays = keypoint_arrays()
    arrays["keypoints"] = np.array(arrays["keypoints"], np.float64)
    arrays["keypoints"][1, 4, 0] = arrays["keypoints"][2, 5, 2] = np.nan
    points = parse_keypoints(arrays).points
    assert (points[1, 4] == 0).all() and (points[2, 5] == 0).all()
    np.testing.assert_array_equal(points[0], arrays["keypoints"][0])
