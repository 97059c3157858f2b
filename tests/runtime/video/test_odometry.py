"""The camera's turns against scenes with known truth: no model may do worse than to call the camera static."""

import numpy as np
import pytest
from conftest_video import cv2

from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.motion.rotation import matrix_from_axis_angle, transpose
from genmo.runtime.video.epipolar import relative_pose, rotation_angle
from genmo.runtime.video.odometry import CameraPath, Odometer

FOCAL, WIDTH, HEIGHT = 735.0, 640, 360
NOISE = 0.4
FRAMES = 90


def camera(scene, frame):
    """World to camera [3, 3] and place [3] of a camera in frame 0 to 89."""
    at, time = frame / (FRAMES - 1), frame / 30
    pan = 0.0 if scene in ("static", "sideways", "forward") else 30 * at
    shake = 0.0 if scene in ("static", "pan", "sideways", "forward") else 0.5
    place = {
        "handheld": [0.06 * np.sin(5 * time), 0.04 * np.sin(7 * time + 1), 0.04 * np.sin(4 * time)],
        "drifting": [0.004 * frame, 0, 0],
        "walking": [0, 0.03 * np.sin(11 * time), 0.03 * frame],
        "sideways": [0.03 * frame, 0, 0],
        "forward": [0, 0, 0.03 * frame],
    }.get(scene, [0, 0, 0])
    turn = matrix_from_axis_angle(np.radians([0, -pan, 0]))
    waver = matrix_from_axis_angle(
        np.radians(shake * np.array([np.sin(6 * time), np.sin(8 * time), 0.5 * np.sin(5 * time)]))
    )
    return waver @ turn, np.array(place, float)


def film(scene, seed, movers=0.2):
    """The path found among 6000 points, a share of which moves by itself, and the true rotations and places."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-12, -3, 1], [12, 2, 14], (6000, 3))
    velocity = np.zeros_like(points)
    moving = rng.random(len(points)) < movers
    velocity[moving] = np.array([0.02, 0, 0.01]) + rng.normal(0, 0.01, (moving.sum(), 3))
    path = CameraPath(WIDTH / FOCAL, NOISE / FOCAL)
    followed, turns, places = set(), [], []
    for frame in range(FRAMES):
        turn, place = camera(scene, frame)
        camera_points = (points + velocity * frame - place) @ turn.T
        ahead = camera_points[:, 2] > 0.3
        flat = camera_points[:, :2] / np.where(ahead, camera_points[:, 2], 1)[:, None]
        inside = ahead & (np.abs(flat) < np.array([WIDTH, HEIGHT]) / 2 / FOCAL).all(axis=1)
        followed = {one for one in followed if inside[one]}
        if len(followed) < 280:
            fresh = [int(one) for one in rng.permutation(np.flatnonzero(inside)) if one not in followed]
            followed |= set(fresh[: 400 - len(followed)])
        ids = np.array(sorted(followed))
        path.add(frame / 30, ids, flat[ids] + rng.normal(0, NOISE / FOCAL, (len(ids), 2)))
        turns.append(turn)
        places.append(place)
    return path.finish(), np.array(turns) @ turns[0].T, (np.array(places) - places[0]) @ turns[0].T


@pytest.mark.parametrize("scene", ["static", "pan", "handheld", "drifting", "walking", "sideways", "forward"])
def test_turns_within_a_degree_with_a_fifth_of_the_matches_moving(scene):
    result, truth, places = film(scene, 0)
    error = rotation_angle(truth @ result.rotation)
    static = rotation_angle(truth)
    assert error.max() <= 1.0
    assert (error <= static + 1.0).all()
    assert ((result.confidence > 0.3) & (result.confidence <= 1)).all()
    if scene in ("static", "pan"):
        assert not result.travelled.any() and np.abs(result.position).max() == 0
    if scene in ("walking", "sideways", "forward"):
        assert result.travelled.mean() > 0.9
        way, true = result.position[-1], places[-1]
        assert way @ true / np.linalg.norm(way) / np.linalg.norm(true) > 0.98
        # one unit everywhere: the share of the way that is gone after half of the time
        half = np.linalg.norm(result.position[FRAMES // 2]) / np.linalg.norm(way)
        assert half == pytest.approx(np.linalg.norm(places[FRAMES // 2]) / np.linalg.norm(true), abs=0.15)


def test_a_wall_and_a_floor_are_enough():
    """One plane alone has two solutions, a second one decides."""
    rng = np.random.default_rng(0)
    plane = np.column_stack([rng.uniform(-3, 3, (300, 2)), np.zeros(300)])
    plane[:, 2] = 6 + 0.4 * plane[:, 0]
    plane[200:] = np.column_stack([rng.uniform(-2, 2, 100), np.full(100, 1.2), rng.uniform(3, 6, 100)])
    turn, travel = matrix_from_axis_angle(np.radians([1.0, 4, 0.5])), np.array([0.4, 0.05, 0.1])
    after = plane @ turn.T + travel
    first, second = (one[:, :2] / one[:, 2:] + rng.normal(0, NOISE / FOCAL, (300, 2)) for one in (plane, after))
    result = relative_pose(first, second, NOISE / FOCAL)
    assert result.kind != "rotation" and rotation_angle(result.rotation @ turn.T) < 1.0


def test_where_nothing_is_seen_the_camera_stands_still_and_confidence_is_none():
    path = CameraPath(1.0, 1e-3)
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.4, 0.4, (50, 2))
    for frame in range(4):
        path.add(frame / 30, np.arange(50), points)
    for frame in range(4, 8):
        path.add(frame / 30, np.arange(100, 103), points[:3])
    for frame in range(8, 12):
        path.add(frame / 30, np.arange(200, 250), points)
    result = path.finish()
    assert len(result.rotation) == 12 and rotation_angle(result.rotation).max() < 0.05
    assert (result.confidence[4:9] == 0).all() and (result.confidence[9:] > 0).all()


def panorama_frames(degrees, count=30, person=True):
    """Views of a picture at infinity from a camera that pans to the right, and somebody who stays in the middle."""
    rng = np.random.default_rng(0)
    far = cv2.GaussianBlur(rng.integers(0, 255, (500, 1800), np.uint8), (0, 0), 2.0)
    far = cv2.normalize(far, None, 0, 255, cv2.NORM_MINMAX)
    inner = default_intrinsics(WIDTH, HEIGHT)
    outer = inner.copy()
    outer[:2, 2] = 700, 250
    for number in range(count):
        turn = matrix_from_axis_angle(np.radians([0, -degrees * number / (count - 1), 0]))
        view = cv2.warpPerspective(far, inner @ turn @ np.linalg.inv(outer), (WIDTH, HEIGHT))
        image = np.repeat(view[..., None], 3, axis=2)
        if person:
            image[100:340, 260:380] = rng.integers(0, 255, (240, 120, 3)) // 2
        yield image


@pytest.mark.parametrize("degrees", [0, 15])
def test_pictures_of_a_pan(degrees):
    odometer = Odometer(default_intrinsics(WIDTH, HEIGHT), WIDTH, HEIGHT)
    for number, image in enumerate(panorama_frames(degrees)):
        odometer.add(number / 30, image, np.array([[260.0, 100, 380, 340]]))
    result = odometer.finish()
    truth = matrix_from_axis_angle(np.radians([[0, degrees * at / 29, 0] for at in range(30)]))
    assert rotation_angle(transpose(truth) @ result.rotation).max() < 0.5
    assert result.moves == (degrees > 0)
    if degrees:
        assert "to the right" in result.describe() and result.turn == pytest.approx(degrees, abs=0.5)
        file = result.camera_file("v.mp4")
        upright, notes = file.at_frames(30)
        np.testing.assert_allclose(upright.rotation[:, :, 1], np.tile([0, -1, 0], (30, 1)), atol=0.01)
        assert np.abs(upright.position).max() == 0 and any("which way is up" in note for note in notes)
