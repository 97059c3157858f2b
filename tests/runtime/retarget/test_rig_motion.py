"""Motions off a rig: what `retarget` plays comes back, and what comes back plays as it was."""

import numpy as np
import pytest

from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS, shape_space
from genmo.runtime.retarget.character import character_of, read_character
from genmo.runtime.retarget.retargeting import retarget
from genmo.runtime.retarget.rig import Rig
from genmo.runtime.retarget.rig_motion import RigMotion, of_performance, off_rig, to_genmo, travel_of


@pytest.fixture(params=("mixamo", "ue5"))
def character(request, person):
    """A rig without scales, arms hanging a little; Unreal's hips hang on a root."""
    bones = person(person.MIXAMO if request.param == "mixamo" else person.UE5, 0.5)
    if request.param == "ue5":
        bones = [("root", None, np.zeros(3)), *((name, above or "root", at) for name, above, at in bones)]
    names = [name for name, _, _ in bones]
    at = {name: np.asarray(place, float) for name, _, place in bones}
    rng = np.random.default_rng(3)
    world = {name: matrix_from_axis_angle(rng.normal(0, 1.5, 3)) for name in names}  # any bone axes
    world["root"] = np.eye(3)
    parents = tuple(-1 if above is None else names.index(above) for _, above, _ in bones)
    up = [np.eye(3) if above is None else world[above] for _, above, _ in bones]
    steps = [at[name] - (0 if above is None else at[above]) for name, above, _ in bones]
    return character_of(
        Rig(
            path="rig",
            names=tuple(names),
            parents=parents,
            order=tuple(range(len(names))),
            rotations=np.stack([turn.T @ world[name] for turn, name in zip(up, names, strict=True)]),
            translations=np.stack([turn.T @ step for turn, step in zip(up, steps, strict=True)]),
            scales=np.ones((len(names), 3)),
            bones=tuple(range(len(names))),
        )
    )


def test_the_way_lies_at_the_root(character, random_motion):
    performance = retarget(random_motion(20, 1), character)
    motion = of_performance(performance)
    body = [node for node in character.rig.order if node not in character.rig.above(character.bones.hips)[1:]]
    np.testing.assert_allclose(motion.world()[1][:, body], performance.world()[1][:, body], atol=1e-9)
    assert motion.root_node == character.rig.parents.index(-1)


def test_limbs_come_back_as_they_were(character, random_motion):
    source = random_motion(30, 2)
    motion = of_performance(retarget(source, character, floor=0.0))
    again = of_performance(retarget(off_rig(motion), character, floor=0.0))
    limbs = [node for part, node in character.bones.limbs.items() if "arm" in part or "hand" in part]
    turned = motion.world()[0][:, limbs].swapaxes(-1, -2) @ again.world()[0][:, limbs]
    angle = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert angle.max() < 1e-4


def test_a_resting_rig_is_a_person_who_stands_with_the_rigs_arms(character):
    rest = RigMotion(character, character.rig.rotations[None], character.rig.rest()[1][[0]], 30.0)
    person = off_rig(rest)
    ankles = person.joints_world()[0, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 1]
    assert np.abs(ankles - 0.06).max() < 0.03
    upper = person.joints_world()[0]
    arm = upper[JOINTS.index("left_elbow")] - upper[JOINTS.index("left_shoulder")]
    assert np.degrees(np.arctan2(-arm[1], arm[0])) == pytest.approx(np.degrees(0.5), abs=2)
    assert np.abs(person.translation[0, [0, 2]]).max() < 0.03


def test_places_scale_with_the_legs(character):
    first, second = to_genmo(character, np.asarray([[0.0, 1, 0], [1.0, 1, 2]]))
    step = np.linalg.inv(character.frame) @ [1.0, 0, 2]
    np.testing.assert_allclose(np.linalg.norm(second - first), np.linalg.norm(step) / travel_of(character))
    mean = shape_space().mean
    assert travel_of(character) == pytest.approx(
        character.leg / np.linalg.norm(mean[[JOINTS.index("left_knee"), JOINTS.index("left_ankle")]], axis=-1).sum(),
        rel=0.02,
    )


def test_a_file_with_a_scaled_armature_is_read_too(tmp_path, ue5_glb, random_motion):
    path = tmp_path / "ue5.glb"
    path.write_bytes(ue5_glb.bytes())
    assert retarget(random_motion(5, 3), read_character(path), travel=1.0, floor=0.0).frames == 5
