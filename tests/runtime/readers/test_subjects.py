"""Keypoints and camera files that belong together."""

import json

import numpy as np
import pytest

from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.readers.subjects import read_subjects, save_keypoints
from genmo.runtime.support.errors import InputError

INTRINSICS = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])


def body(at=0, shift=0.0, size=1.0):
    points = np.random.default_rng(1).uniform(0, 1, (17, 3)) * [60 * size, 150 * size, 0] + [100 + shift, 100, 0.9]
    points[:, 0] += at
    return points


def write_openpose(folder, first=0, frames=6):
    """Two people, the second twice the size; frame `first` is the first."""
    folder.mkdir()
    for at in range(frames):
        people = []
        for shift, size in ((0, 1), (300, 2)):
            points = np.zeros((25, 3))
            points[[0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]] = body(at, shift, size)
            people.append({"pose_keypoints_2d": points.reshape(-1).tolist()})
        (folder / f"v_{at + first:06d}_keypoints.json").write_text(json.dumps({"people": people}))
    return folder


def write_colmap(folder, numbers):
    """Cameras that stand upright in a y-down world and move along x, 0.1 a frame."""
    folder.mkdir()
    (folder / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n")
    lines = [f"{at} 1 0 0 0 {-0.1 * (at - numbers[0])} 0 0 1 v_{at:06d}.png\n\n" for at in numbers]
    (folder / "images.txt").write_text("".join(lines))
    return folder


def test_a_colmap_model_gives_what_openpose_lacks(tmp_path):
    keypoints, camera = write_openpose(tmp_path / "pose"), write_colmap(tmp_path / "sfm", range(6))
    people, notes = read_subjects(keypoints, camera, scale=1.0)
    (subject,) = people.values()
    np.testing.assert_allclose(subject.points, np.stack([body(at, 300, 2) for at in range(6)]))
    np.testing.assert_allclose(subject.intrinsics, INTRINSICS)
    # looking along +z with y up, x to the right is -x of the world
    np.testing.assert_allclose(subject.camera.position, np.outer(np.arange(6), [-0.1, 0, 0]), atol=1e-9)
    assert len(notes) == 2 and "frame rate" in notes[0] and "which way is up" in notes[1]


def test_images_and_keypoints_that_count_from_a_thousand(tmp_path):
    keypoints = write_openpose(tmp_path / "pose", 1001)
    people, _ = read_subjects(keypoints, write_colmap(tmp_path / "sfm", range(1003, 1005)), scale=1.0, fps=30)
    (subject,) = people.values()
    np.testing.assert_allclose(subject.camera.position[:, 0], [0, 0, 0, -0.1, -0.1, -0.1], atol=1e-9)


def test_the_rate_of_the_keypoints_counts_the_images(tmp_path):
    keypoints, camera = write_openpose(tmp_path / "pose", 0, 6), write_colmap(tmp_path / "sfm", range(6))
    people, _ = read_subjects(keypoints, camera, scale=1.0, fps=15)
    (subject,) = people.values()
    assert subject.frames == 11
    np.testing.assert_allclose(subject.camera.position[:, 0], -0.05 * np.arange(11), atol=1e-9)


def test_choosing_people(tmp_path):
    keypoints = write_openpose(tmp_path / "pose")
    options = {"image_size": (640, 480), "fps": 30}
    everybody, _ = read_subjects(keypoints, person="all", **options)
    assert list(everybody) == [1, 0]
    largest, _ = read_subjects(keypoints, **options)
    assert list(largest) == [1] and largest[1].camera is None
    small, _ = read_subjects(keypoints, person="0", **options)
    np.testing.assert_array_equal(small[0].points, everybody[0].points)
    for person, says in (("2", "no person 2"), ("-1", "person is '-1'"), ("anna", "wanted largest, all or the id")):
        with pytest.raises(InputError, match=says):
            read_subjects(keypoints, person=person, **options)


@pytest.mark.parametrize("fps", [30.0, 15.0])
def test_our_own_file_holds_both(tmp_path, random_camera, fps):
    camera = random_camera(11)
    poses = np.tile(np.eye(4), (11, 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = camera.rotation, camera.position
    points = np.stack([body(at) for at in range(11)])
    step = round(30 / fps)
    path = tmp_path / "x.npz"
    np.savez(path, keypoints=points[::step], intrinsics=INTRINSICS, camera_to_world=poses[::step], fps=fps)
    (subject,) = read_subjects(path)[0].values()
    np.testing.assert_allclose(subject.camera.rotation[::step], camera.rotation[::step], atol=1e-9)
    np.testing.assert_allclose(subject.camera.position[::step], camera.position[::step])
    np.testing.assert_allclose(subject.points, points)  # they move evenly
    if fps == 30:
        np.testing.assert_array_equal(read_keypoints(path).points, subject.points)


def test_heels_and_toes_survive_the_rate_and_our_own_file(tmp_path):
    random = np.random.default_rng(0)
    frames = [[{"x": x, "y": y, "z": 0, "visibility": 0.9} for x, y in random.uniform(0.1, 0.9, (33, 2))]] * 6
    document = {"image_width": 640, "image_height": 480, "fps": 15, "frames": [{"pose_landmarks": [f]} for f in frames]}
    (tmp_path / "pose.json").write_text(json.dumps(document))
    subject = read_subjects(tmp_path / "pose.json")[0][0]
    wanted = [[640 * frames[0][at]["x"], 480 * frames[0][at]["y"], 0.9] for at in (29, 31, 30, 32)]
    np.testing.assert_allclose(subject.feet, np.tile(wanted, (11, 1, 1)))
    save_keypoints(tmp_path / "ours.npz", subject)
    np.testing.assert_array_equal(read_keypoints(tmp_path / "ours.npz").feet, subject.feet)
    np.testing.assert_array_equal(subject.first(3).feet, subject.feet[:3])
    np.savez(
        tmp_path / "wrong.npz", keypoints=subject.points, feet_keypoints=np.zeros((2, 4, 3)), intrinsics=INTRINSICS
    )
    with pytest.raises(InputError, match="feet_keypoints is float64"):
        read_keypoints(tmp_path / "wrong.npz")


def test_nobody(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    for person in ("largest", "all", "3"):
        with pytest.raises(InputError, match="nobody"):
            read_subjects(tmp_path / "x.json", person=person, image_size=(640, 480))
