"""People followed by BlazePose: regions from landmarks, several people, loss, duplicates; and the real networks."""

import numpy as np
import pytest
from conftest_video import cv2
from test_blazepose_networks import detector, landmarks

from genmo.runtime.readers.keypoint_layouts import LAYOUTS
from genmo.runtime.video import blazepose_files
from genmo.runtime.video.blazepose import DETECT_EVERY, BlazePose, OneEuroFilter

BLACK = np.zeros((400, 800, 3), np.uint8)
# a person upright in the crop: hips in the middle, the top of the circle where a region of margin 1.25 has it
BODY = np.random.default_rng(0).uniform([0.35, 0.15], [0.65, 0.85], (39, 2))
BODY[33], BODY[34] = (0.5, 0.5), (0.5, 0.1)
POINTS = [*LAYOUTS[33][1], 29, 31, 30, 32]
LEFT, RIGHT = ((0.25, 0.5), (0.25, 0.4), 0.9), ((0.75, 0.5), (0.75, 0.4), 0.8)


def make(tmp_path, places, **options):
    return BlazePose(landmarks(tmp_path / "l.onnx", BODY, **options), detector(tmp_path / "d.onnx", places), threads=1)


class Counted:
    """A network, and how often it ran."""

    def __init__(self, network):
        self.network, self.calls = network, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.network(*arguments)


def test_two_people_stand_where_they_are(tmp_path):
    pose = make(tmp_path, [LEFT, RIGHT])
    for _ in range(3):
        found = pose.people(BLACK)
        assert len(found.points) == 2
        assert (found.points[0, :, 0] < 400).all() and (found.points[1, :, 0] > 400).all()
        # a region of 200 pixels around 200, 200
        np.testing.assert_allclose(found.points[0, :, :2], (BODY[POINTS] - 0.5) * 200 + 200, atol=0.1)
        low, high = found.boxes[0, :2], found.boxes[0, 2:]
        assert (low < found.points[0, :, :2].min(axis=0)).all() and (high > found.points[0, :, :2].max(axis=0)).all()
    np.testing.assert_allclose(found.scores, 0.9)


def test_the_detector_rests_while_somebody_is_followed(tmp_path):
    pose = make(tmp_path, [LEFT])
    pose._detector = Counted(pose._detector)
    for _ in range(DETECT_EVERY + 1):
        assert len(pose.people(BLACK).points) == 1
    assert pose._detector.calls == 2  # at the first frame, and once to look for others


def test_who_is_lost_is_looked_for_in_the_same_frame(tmp_path):
    pose = make(tmp_path, [LEFT])
    pose.people(BLACK)
    present = pose._landmarks
    pose._landmarks = lambda image, region: present(image, region) if moved else lost(image, region)
    moved, lost = False, LandmarkStub(present, 0.4)
    pose._detector = Counted(pose._detector)
    assert len(pose.people(BLACK).points) == 0 and pose._detector.calls == 1
    moved = True
    assert len(pose.people(BLACK).points) == 1 and pose._detector.calls == 2


class LandmarkStub:
    """The answers of a network with another presence."""

    def __init__(self, network, presence):
        self.network, self.presence = network, presence

    def __call__(self, image, region):
        found = self.network(image, region)
        return type(found)(found.points, self.presence)


def test_detections_of_one_person_give_one(tmp_path):
    near = ((0.26, 0.5), (0.26, 0.4), 0.85)  # 8 pixels aside, within a tenth of the region
    beside = ((0.29, 0.5), (0.29, 0.4), 0.85)  # landmarks that lie on the others
    boxes_apart = [LEFT, near, beside]
    pose = make(tmp_path, boxes_apart)
    assert len(pose.people(BLACK).points) == 1


def test_nobody(tmp_path):
    pose = make(tmp_path, [])
    found = pose.people(BLACK)
    assert found.points.shape == (0, 21, 3) and found.boxes.shape == (0, 4)


def test_the_filter_holds_still_and_follows():
    still, fast = OneEuroFilter(), OneEuroFilter()
    noise = np.random.default_rng(0).normal(0, 0.5, (60, 2))
    smoothed = np.array([still(one, 200.0) for one in noise])
    assert smoothed[30:].std() < 0.4 * noise[30:].std()
    followed = np.array([fast(np.array([20.0 * frame, 0.0]), 200.0) for frame in range(30)])
    assert np.abs(followed[10:, 0] - 20.0 * np.arange(10, 30)).max() < 20  # less than a frame behind


@pytest.mark.parametrize("model", blazepose_files.MODELS)
def test_the_real_networks(model):
    if not (blazepose_files.present(model) and blazepose_files.present(blazepose_files.DETECTOR)):
        pytest.skip(f"run {blazepose_files.COMMAND} {model}")
    pose = BlazePose(*blazepose_files.installed(model), threads=1)
    assert len(pose.people(BLACK).points) == 0
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    assert len(pose.people(cv2.resize(noise, (600, 400))).points) == 0
