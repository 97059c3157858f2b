"""Poses, paths and targets of a rig: met to rounding, by changes that fade and keep bones as long as they are."""

import numpy as np
import pytest

from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.retarget.character import read_character
from genmo.runtime.retarget.ground import Ground
from genmo.runtime.retarget.retargeting import retarget
from genmo.runtime.retarget.rig_constraints import NodeRotations, RigConstraints, Target, meet
from genmo.runtime.retarget.rig_motion import of_performance
from genmo.runtime.retarget.terrain import on_ground


@pytest.fixture
def standing(tmp_path, person, make_glb, random_motion):
    """Ninety frames of somebody who hardly moves."""
    path = tmp_path / "m.glb"
    path.write_bytes(make_glb(person(person.MIXAMO)).bytes())
    source = random_motion(90, 4)
    still = source.with_pose(np.tile(np.eye(3), (90, 24, 1, 1)), np.tile([0.0, 0.98, 0.0], (90, 1)))
    return of_performance(retarget(still, read_character(path), floor=0.0))


def only(motion, rotations=(), root=None, targets=()):
    free = np.full((motion.frames, 3), np.nan)
    return RigConstraints(tuple(rotations), free if root is None else root, tuple(targets))


def test_without_constraints_it_is_the_same_motion(standing):
    met = meet(standing, only(standing))
    np.testing.assert_array_equal(met.rotations, standing.rotations)
    np.testing.assert_array_equal(met.root, standing.root)


def test_rotations_are_met_and_fade(standing):
    node = standing.character.bones.limbs["left_upper_arm"]
    wanted = matrix_from_axis_angle(np.asarray([[0, 0, 1.0], [0, 0.5, 1.0]]))
    met = meet(standing, only(standing, [NodeRotations(node, np.array([30, 40]), wanted)]))
    np.testing.assert_allclose(met.rotations[[30, 40], node], wanted, atol=1e-12)
    np.testing.assert_allclose(met.rotations[[0, 9, 61, 89]], standing.rotations[[0, 9, 61, 89]], atol=1e-9)
    others = [n for n in range(len(standing.character.rig.names)) if n != node]
    np.testing.assert_array_equal(met.rotations[:, others], standing.rotations[:, others])


def test_a_path_is_met_and_heights_fade(standing):
    root = np.full((90, 3), np.nan)
    root[[10, 50]] = [[0.5, np.nan, 0.2], [1.0, 0.8, 0.4]]
    met = meet(standing, only(standing, root=root))
    np.testing.assert_allclose(met.root[10, [0, 2]], [0.5, 0.2], atol=1e-9)
    np.testing.assert_allclose(met.root[50], [1.0, 0.8, 0.4], atol=1e-9)
    assert abs(met.root[89, 1] - standing.root[89, 1]) < 5e-3 and np.abs(met.root[89, [0, 2]] - [1.0, 0.4]).max() < 0.2


@pytest.mark.parametrize("part", ("left_hand", "right_foot", "left_middle"))
def test_limbs_reach_and_keep_their_bones(standing, part):
    node = standing.character.bones.limbs[part]
    frames = np.array([40, 45])
    places = standing.world()[1][frames, node] + [[-0.1, 0.15, 0.2], [-0.1, 0.1, 0.25]]
    met = meet(standing, only(standing, targets=[Target(node, frames, places)]))
    rotations, positions = met.world()
    np.testing.assert_allclose(positions[frames, node], places, atol=2e-4)
    np.testing.assert_allclose(met.root, standing.root, atol=0.02)
    np.testing.assert_allclose(rotations[0], standing.world()[0][0], atol=1e-9)


def test_out_of_reach_moves_the_root_and_leaves_the_feet(standing):
    limbs = standing.character.bones.limbs
    place = standing.world()[1][40, limbs["left_hand"]] + [-0.2, -0.2, 0.75]
    met = meet(standing, only(standing, targets=[Target(limbs["left_hand"], np.array([40]), place[None])]))
    positions, before = met.world()[1], standing.world()[1]
    assert np.linalg.norm(positions[40, limbs["left_hand"]] - place) < 5e-3
    assert np.linalg.norm(met.root[40] - standing.root[40]) > 0.05
    feet = [limbs["left_foot"], limbs["right_foot"]]
    assert np.abs(positions[:, feet] - before[:, feet]).max() < 0.02


def test_a_held_root_is_not_moved_by_targets(standing):
    root = np.full((90, 3), np.nan)
    root[40] = standing.root[40]
    node = standing.character.bones.limbs["left_hand"]
    target = Target(node, np.array([40]), standing.world()[1][40, [node]] + [0, 0, 2.0])
    met = meet(standing, only(standing, root=root, targets=[target]))
    np.testing.assert_allclose(met.root[40], standing.root[40], atol=1e-9)


# --- ground -------------------------------------------------------------------------------------------------------


def test_both_feet_stand_on_the_step_under_them(standing):
    limbs = standing.character.bones.limbs
    positions = standing.world()[1]
    places = np.stack([positions[0, limbs[f"{side}_foot"]][[0, 2]] for side in ("left", "right")])
    ground = Ground(places, np.asarray([0.15, 0.05]), 0.5)
    stands = np.ones((90, 2), bool)
    raised = on_ground(standing, ground, stands).world()[1]
    for side, height in (("left", 0.15), ("right", 0.05)):
        node = limbs[f"{side}_foot"]
        rise = raised[:, node, 1] - positions[:, node, 1]
        np.testing.assert_allclose(rise, height, atol=5e-3)
        np.testing.assert_allclose(raised[:, node][:, [0, 2]], positions[:, node][:, [0, 2]], atol=5e-3)


def test_a_level_ground_lifts_everything_and_an_unknown_one_nothing(standing):
    stands = np.ones((90, 2), bool)
    grid = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(-1, 2).astype(float)
    level = on_ground(standing, Ground(grid, np.full(25, 1.5), 2.0), stands)
    np.testing.assert_allclose(level.world()[1], standing.world()[1] + [0, 1.5, 0], atol=1e-6)
    far = on_ground(standing, Ground(grid + 50, np.full(25, 1.5), 2.0), stands)
    np.testing.assert_array_equal(far.root, standing.root)


def test_a_foot_rises_early_and_comes_down_late(standing):
    """Between two stands at 0 and 0.3 m, halfway through the swing a rising foot is up and a falling one still is."""
    limbs = standing.character.bones.limbs
    walking = standing.root.copy()
    walking[:, 2] += np.linspace(0, 3, 90)
    moving = type(standing)(standing.character, standing.rotations, walking, 30.0)
    stands = np.zeros((90, 2), bool)
    stands[:20, :], stands[70:, :] = True, True
    places = np.asarray([[0.0, 0.3], [0.0, 2.7]])
    for heights in ([0.0, 0.3], [0.3, 0.0]):
        raised = on_ground(moving, Ground(places, np.asarray(heights), 1.0), stands)
        rise = (raised.world()[1] - moving.world()[1])[:, limbs["left_foot"], 1]
        assert rise[45] > 0.2 and rise[10] == pytest.approx(heights[0], abs=0.01)
        assert rise[80] == pytest.approx(heights[1], abs=0.01)
