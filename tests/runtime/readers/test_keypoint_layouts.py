"""Mapping tables against the published orders, written out by name."""

import numpy as np
import pytest

from genmo.runtime.readers.keypoint_layouts import COCO_NAMES, FEET_LAYOUTS, LAYOUTS, body_points
from genmo.runtime.support.errors import InputError

# Orders as the tools document them: R and L are the person's sides.
BODY_25 = """Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle
REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel""".split()
COCO_18 = """Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle
REye LEye REar LEar""".split()
HALPE_26 = """Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle
RAnkle Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel""".split()
BLAZEPOSE_33 = """Nose LEyeInner LEye LEyeOuter REyeInner REye REyeOuter LEar REar MouthL MouthR LShoulder RShoulder
LElbow RElbow LWrist RWrist LPinky RPinky LIndex RIndex LThumb RThumb LHip RHip LKnee RKnee LAnkle RAnkle LHeel RHeel
LFootIndex RFootIndex""".split()


def published(name):
    """COCO's name in the style of the lists: left_eye -> LEye."""
    side, _, part = name.rpartition("_")
    return side[:1].upper() + part.capitalize()


@pytest.mark.parametrize("order", [BODY_25, COCO_18, HALPE_26, BLAZEPOSE_33])
def test_each_point_is_taken_by_its_name(order):
    assert [order[index] for index in LAYOUTS[len(order)][1]] == [published(name) for name in COCO_NAMES]


@pytest.mark.parametrize("count", [17, 133, 136])
def test_layouts_that_start_with_coco(count):
    points = np.random.default_rng(0).uniform(0.1, 1, (count, 3))
    np.testing.assert_array_equal(body_points(points, "x")[:17], points[:17])


@pytest.mark.parametrize("order", [BODY_25, HALPE_26, BLAZEPOSE_33])
def test_heels_and_toes_are_taken_by_their_names(order):
    toes = ["FootIndex"] if order is BLAZEPOSE_33 else ["BigToe", "SmallToe"]
    expected = [names for side in "LR" for names in ([f"{side}Heel"], [side + toe for toe in toes])]
    assert [[order[index] for index in group] for group in FEET_LAYOUTS[len(order)]] == expected


def test_toes_lie_between_the_big_and_the_small_one_and_count_as_the_less_sure():
    points = np.random.default_rng(0).uniform(0.1, 1, (133, 3))
    feet = body_points(points, "x")[17:]
    np.testing.assert_allclose(feet[[0, 2]], points[[19, 22]])
    np.testing.assert_allclose(feet[1, :2], points[[17, 18], :2].mean(axis=0))
    assert feet[1, 2] == points[[17, 18], 2].min()
    parts = ("big_toe", "small_toe", "heel")
    names = [*COCO_NAMES, *(f"{side}_{part}" for side in ("left", "right") for part in parts)]
    np.testing.assert_array_equal(body_points(points[:23], "x", names), body_points(points, "x"))
    assert not body_points(points[:17], "x")[17:].any()


def test_names_go_before_the_number_of_points():
    order = np.random.default_rng(3).permutation(17)
    points = np.random.default_rng(0).uniform(0.1, 1, (17, 3))
    got = body_points(points[order], "x", [COCO_NAMES[index] for index in order])
    np.testing.assert_array_equal(got[:17], points)
    with pytest.raises(InputError, match="17 keypoints named root"):
        body_points(points, "x", ["root", *COCO_NAMES[1:]])


def test_confidence_is_cut_and_unseen_points_lie_at_zero():
    points = np.full((17, 3), 5.0)
    points[:3, 2] = [1.7, 0, -0.2]
    got = body_points(points, "x")
    assert got[0].tolist() == [5, 5, 1]
    assert (got[1:3] == 0).all()


@pytest.mark.parametrize("points", [np.zeros((16, 3)), np.full((17, 3), np.inf), np.full((17, 3), 1e9)])
def test_other_numbers_are_refused(points):
    with pytest.raises(InputError, match="^x: .*wanted"):
        body_points(points, "x")
