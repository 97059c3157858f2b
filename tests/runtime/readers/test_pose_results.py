"""Results of rtmlib, Ultralytics and MediaPipe, by objects of the same attributes."""

from types import SimpleNamespace

import numpy as np
import pytest

from genmo.runtime import InputError, keypoints_from_results
from genmo.runtime.readers.keypoint_layouts import LAYOUTS

SIZE = (640, 480)


@pytest.fixture
def points():
    """[frames, people, 33, 3] pixels and confidence: two people, the second the larger."""
    noise = np.random.default_rng(0)
    place = noise.uniform(0, 1, (5, 1, 33, 2)) * np.array([[100, 200], [160, 300]])[:, None] + [[[50, 50]], [[300, 60]]]
    return np.concatenate([place, noise.uniform(0.6, 1, (5, 2, 33, 1))], axis=-1)


class Tensor:
    """As PyTorch's: numpy cannot take it from a device, nor with a gradient."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self.array


def ultralytics(points, ids):
    boxes = SimpleNamespace(id=None if ids is None else Tensor(np.array(ids, np.float32)))
    return SimpleNamespace(keypoints=SimpleNamespace(data=Tensor(points)), boxes=boxes, orig_shape=(480, 640))


def marks(person):
    return [SimpleNamespace(x=x / 640, y=y / 480, z=0.0, visibility=c) for x, y, c in person]


def legacy(people):
    found = SimpleNamespace(landmark=marks(people[0])) if len(people) else None
    return SimpleNamespace(pose_landmarks=found, pose_world_landmarks=None)


def tasks(people):
    return SimpleNamespace(pose_landmarks=[marks(person) for person in people])


def expected(points, person):
    """COCO-17 and feet of BlazePose's 33."""
    return points[:, person][:, LAYOUTS[33][1]], points[:, person][:, [29, 31, 30, 32]]


def test_rtmlib_with_points_of_whole_bodies(points):
    body = np.zeros((5, 2, 133, 3))
    body[:, :, :23] = points[:, :, :23]
    found = keypoints_from_results(((one[..., :2], one[..., 2]) for one in body), image_size=SIZE, person="all")
    assert len(found) == 2
    largest = next(iter(found.values()))
    np.testing.assert_allclose(largest.points, points[:, 1, :17])
    np.testing.assert_allclose(largest.feet[:, [0, 2]], points[:, 1][:, [19, 22]])  # heels; toes lie between two points


def test_ultralytics_knows_its_size_and_ids(points):
    coco = points[:, :, :17]
    results = [ultralytics(one, [7, 3]) for one in coco] + [ultralytics(coco[0, :0], None)]
    found = keypoints_from_results(results, person="all")
    assert list(found) == [3, 7]
    np.testing.assert_allclose(found[7].points[:5], coco[:, 0])
    assert (found[7].points[5] == 0).all() and found[7].feet is None
    assert found[3].intrinsics[0, 2] == 320


def test_ultralytics_without_confidences(points):
    place = points[:, :1, :17, :2].copy()
    place[:, :, 4] = 0
    found = keypoints_from_results([ultralytics(one, None) for one in place])[0]
    assert (found.points[:, 4] == 0).all() and (np.delete(found.points, 4, axis=1)[..., 2] == 1).all()


@pytest.mark.parametrize("make", [legacy, tasks])
def test_mediapipe(points, make):
    results = [make(one[1:]) for one in points] + [make(points[0, :0])]
    found = keypoints_from_results(results, image_size=SIZE, fps=15)[0]
    wanted, feet = expected(points, 1)
    assert len(found.points) == 11  # 15 a second is brought to 30
    np.testing.assert_allclose(found.points[:9:2], wanted, rtol=1e-9)
    np.testing.assert_allclose(found.feet[:9:2], feet, rtol=1e-9)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "0 frames; wanted 1 to"),
        ([np.zeros((1, 17, 3))], "a ndarray; wanted one result a frame"),
        ([(np.zeros((1, 17, 3)), np.zeros((1, 17)))], r"arrays \[1, 17, 3\] and"),
        ([(np.ones((1, 16, 2)), np.ones((1, 16)))], "16 keypoints a person"),
        ([(np.ones((65, 17, 2)), np.ones((65, 17)))], "65 people; wanted at most 64"),
        ([(np.full((1, 17, 2), np.inf), np.ones((1, 17)))], "numbers beyond"),
        ([("left", "right")], "holds what is no numbers"),
        ([legacy(np.ones((1, 33, 3)))], "wanted image_size"),
        ([ultralytics(np.ones((1, 17, 3)), [1, 2])], "2 ids for 1 people"),
        ([ultralytics(np.ones((1, 17)), None)], r"keypoints \[1, 17\]; wanted"),
        ([(np.zeros((0, 17, 2)), np.zeros((0, 17)))], "does not say the size"),
    ],
)
def test_other_objects_are_refused(results, message):
    with pytest.raises(InputError, match=message):
        keypoints_from_results(results)


def test_nobody_is_an_error():
    with pytest.raises(InputError, match="nobody in 1 frames"):
        keypoints_from_results([tasks([])], image_size=SIZE)
