"""What a retargeted motion must keep, seen in the written .glb by an evaluator of its own (pygltflib and matrices)."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINTS
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.retarget import read_character, retarget
from genmo.runtime.retarget.rig import skinned_vertices
from genmo.runtime.retarget.write import to_glb

pygltflib = pytest.importorskip("pygltflib", reason="pip install pygltflib")

LEGS = (("upper_leg", "hip", "lower_leg", "knee"), ("lower_leg", "knee", "foot", "ankle"))
ARMS = (("upper_arm", "shoulder", "lower_arm", "elbow"), ("lower_arm", "elbow", "hand", "wrist"))
SIDES = ("left", "right")
HEIGHT = 0.005  # metres


def evaluate(data):
    """World matrices [frames, nodes, 4, 4] of the first animation of a .glb."""
    file = pygltflib.GLTF2.load_from_bytes(data)
    blob = file.binary_blob()

    def array(index):
        accessor = file.accessors[index]
        view = file.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        start = view.byteOffset + (accessor.byteOffset or 0)
        return np.frombuffer(blob, "<f4", accessor.count * width, start).reshape(-1, width).astype(float)

    tracks = {}
    animation = file.animations[0]
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        tracks[channel.target.node, channel.target.path] = array(sampler.output)
    frames = max(len(values) for values in tracks.values())
    world = np.zeros((frames, len(file.nodes), 4, 4))

    def visit(number, above):
        node = file.nodes[number]
        still = {"translation": node.translation or [0, 0, 0], "rotation": node.rotation or [0, 0, 0, 1]}
        parts = {k: np.broadcast_to(tracks.get((number, k), [v]), (frames, len(v))) for k, v in still.items()}
        x, y, z, w = parts["rotation"].T
        local = np.zeros((frames, 4, 4))
        local[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=-1)
        local[:, 1, :3] = np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=-1)
        local[:, 2, :3] = np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=-1)
        local[:, :3, :3] *= np.asarray(node.scale or [1, 1, 1])
        local[:, :3, 3] = parts["translation"]
        local[:, 3, 3] = 1
        world[:, number] = above @ local
        for child in node.children or []:
            visit(child, world[:, number])

    for root in file.scenes[0].nodes:
        visit(root, np.eye(4))
    return world


def angles(character, places, motion, limbs):
    """Degrees [limbs, sides, frames] between limbs of the character and of the motion."""
    joints, result = motion.joints_world(), []
    for start, first, end, second in limbs:
        for side in SIDES:
            ours = (
                places[:, character.bones.limbs[f"{side}_{end}"]] - places[:, character.bones.limbs[f"{side}_{start}"]]
            )
            theirs = joints[:, JOINTS.index(f"{side}_{second}")] - joints[:, JOINTS.index(f"{side}_{first}")]
            sine = np.linalg.norm(np.cross(ours, theirs), axis=-1)
            result.append(np.degrees(np.arctan2(sine, (ours * theirs).sum(axis=-1))))
    return np.asarray(result)


def soles(character, world, rest):
    """Of each foot in metres of a person: heights [2, frames] of its lowest rest place, and places of the ball."""
    heights, balls = [], []
    for side in SIDES:
        foot, toes = (character.bones.limbs[f"{side}_{part}"] for part in ("foot", "toes"))
        moved = world[:, foot] @ np.linalg.inv(rest[foot])
        heel, ball = rest[foot, :3, 3].copy(), rest[toes, :3, 3].copy()
        heel[1] = ball[1] = character.floor
        ends = [(moved @ np.append(point, 1))[:, :3] for point in (heel, ball)]
        heights.append(np.minimum(ends[0][:, 1], ends[1][:, 1]) - character.stands_at)
        balls.append(ends[1])
    return np.stack(heights), np.stack(balls)


def standing(rig):
    from genmo.runtime.retarget.rig import _world

    return _world(rig)


def test_limbs_point_where_the_motion_points(rig_file, random_motion):
    """Any movement, from any rest pose, bone axes and unit: before the feet are placed all limbs agree."""
    motion = random_motion(30)
    character = read_character(rig_file)
    up = np.where(np.arange(31) < 30, 50.0, 0.0)[:, None] * (0, 1, 0)  # a last frame on the ground says where it is
    rotations = np.concatenate([motion.rotations, motion.rotations[:1]])
    high = Motion(rotations, np.concatenate([motion.translation, motion.translation[:1]]) + up, motion.betas)
    places = evaluate(to_glb(retarget(high, character)))[:, :, :3, 3]
    result = angles(character, places, high, ARMS + LEGS)
    assert result[:4].max() < 0.01
    assert result[:, :20].max() < 0.01


def test_captured_motion_keeps_its_limbs_and_its_feet(rig_file, real_clips):
    character = read_character(rig_file)
    rest = standing(character.rig)
    legs = []
    for clip in real_clips:
        motion = Motion(clip.rotations, clip.translation)  # genmo's own body, whose legs are equally long
        performance = retarget(motion, character)
        world = evaluate(to_glb(performance))
        places = world[:, :, :3, 3]
        np.testing.assert_allclose(performance.world()[1], places, atol=1e-5 * character.leg)
        assert angles(character, places, motion, ARMS).max() < 0.01
        legs.append(angles(character, places, motion, LEGS).reshape(-1))
        check_feet(character, world, rest, motion)
    legs = np.concatenate(legs)
    assert legs.mean() < 0.5  # degrees; what soles that stay over the floor cost, and nobody sees
    assert np.mean(legs < 1) > 0.8
    assert legs.max() < 5


def mesh_heights(character, world, rest, side):
    """Height [frames] of the lowest vertex that moves with a foot or its toes, each with its first bone."""
    low = []
    members = [character.bones.limbs[f"{side}_{part}"] for part in ("foot", "toes")]
    for points, nodes, _ in skinned_vertices(character.rig):
        for node in members:
            own = np.c_[points[nodes[:, 0] == node], np.ones((nodes[:, 0] == node).sum())]
            low.append((world[:, node] @ np.linalg.inv(rest[node]) @ own.T)[:, 1].min(axis=1))
    return np.min(low, axis=0) - character.stands_at


def check_feet(character, world, rest, motion):
    """Heights of soles near the ground within 5 mm, higher only where the mesh, which reaches further than the joints,
    touches it; slides of planted balls no more than 10 % longer, by scale."""
    own = Motion(motion.rotations, motion.translation, motion.betas)
    turned, joints = own.kinematics()
    offsets = own.rest_offsets
    scale = character.leg / np.mean([np.linalg.norm(offsets[j]) + np.linalg.norm(offsets[j + 3]) for j in (4, 5)])
    heights, balls = soles(character, world, rest)
    contacts = contact_scores(joints[:, [JOINTS.index(f"{side}_foot") for side in SIDES]], None, own.fps)
    in_contact = frames_in_contact(contacts)
    for k, side in enumerate(SIDES):
        ankle, ball = JOINTS.index(f"{side}_ankle"), JOINTS.index(f"{side}_foot")
        low = offsets[ball, 1] - BALL_HEIGHT
        heel = joints[:, ankle] + turned[:, ankle] @ [0, low, 0]
        toe = joints[:, ankle] + turned[:, ankle] @ (offsets[ball] - (0, BALL_HEIGHT, 0))
        theirs = np.minimum(heel[:, 1], toe[:, 1])
        down = in_contact[:, k] & (theirs < 0.03)
        if not down.any():
            continue
        height_error, mesh = heights[k] / scale - theirs, mesh_heights(character, world, rest, side) / scale
        assert mesh.min() > -0.001
        assert height_error[down].min() > -HEIGHT
        assert mesh[down & (height_error > HEIGHT)].max(initial=0) < HEIGHT
        steps = down[1:] & down[:-1]
        ours = np.linalg.norm(np.diff(balls[k][:, [0, 2]], axis=0), axis=-1)[steps].sum() / scale
        source = np.linalg.norm(np.diff(joints[:, ball][:, [0, 2]], axis=0), axis=-1)[steps].sum()
        assert ours <= 1.1 * source + 1e-4 * steps.sum()


def shoe(glb):
    """The tetrahedra of feet and toes become flat shoes, from 6 cm behind the ankle to 7 cm before the toes."""
    points = np.frombuffer(glb.binary, "<f4", 3 * 4 * len(glb.joints)).reshape(-1, 4, 3).copy()
    names = [node["name"] for node in glb.nodes]
    for number, joint in enumerate(glb.joints):
        if names[joint].endswith(("Foot", "ToeBase")):
            place, toes = glb.world[joint][:3, 3], names[joint].endswith("ToeBase")
            ends = (-0.01, 0.07) if toes else (-0.06, 0.12)
            corners = [(x, 0.001, z) for x in (-0.045, 0.045) for z in ends]
            points[number] = place * (1, 0, 1) + corners
    glb.binary[: points.nbytes] = points.tobytes()
    return glb


def test_shoes_stay_out_of_the_floor(tmp_path, make_glb, person):
    """A foot that rolls from heel to toe: the shoe reaches further than its joints, toes bend and the ankle lifts."""
    path = tmp_path / "shoes.glb"
    path.write_bytes(shoe(make_glb(person(person.MIXAMO))).bytes())
    character = read_character(path)
    pitch = np.linspace(-0.5, 0.9, 40)
    rotations = np.tile(np.eye(3), (40, 24, 1, 1))
    for side in SIDES:
        rotations[:, JOINTS.index(f"{side}_ankle")] = matrix_from_axis_angle(pitch[:, None] * (1.0, 0, 0))
        rotations[:, JOINTS.index(f"{side}_knee")] = matrix_from_axis_angle(np.full((40, 1), 0.5) * (1.0, 0, 0))
        rotations[:, JOINTS.index(f"{side}_hip")] = matrix_from_axis_angle(np.full((40, 1), -0.5) * (1.0, 0, 0))
    motion = Motion(rotations, np.tile([0.0, 0.9, 0.0], (40, 1)))
    ankle, toe = (motion.joints_world()[:, JOINTS.index(f"left_{joint}")] for joint in ("ankle", "foot"))
    heel = ankle + rotations[:, JOINTS.index("left_ankle")] @ [0, -0.07, 0]
    under = np.minimum(heel, toe)[:, 1:2] - 0.02
    motion = replace(motion, translation=motion.translation - under * (0, 1, 0))
    performance = retarget(motion, character)
    world, rest = evaluate(to_glb(performance)), standing(character.rig)
    for side in SIDES:
        mesh = mesh_heights(character, world, rest, side)
        assert mesh.min() > -0.002 and np.median(mesh) < 0.02
    toes = character.bones.limbs["left_toes"]
    bend = performance.rotations[:, toes] @ character.rig.rotations[toes].T
    assert np.degrees(np.arccos((np.trace(bend[-1]) - 1) / 2)) > 20  # at push-off
    turns = np.degrees(np.arccos(np.clip((np.einsum("nij,nij->n", bend[1:], bend[:-1]) - 1) / 2, -1, 1)))
    assert turns.max() < 8  # and they do not snap


def test_a_motion_on_its_own_skeleton_is_itself(tmp_path, random_motion):
    from genmo.runtime.formats import save_motion

    motion = random_motion(30)
    save_motion(tmp_path / "own.bvh", replace(motion, rotations=motion.rotations, contacts=None))
    character = read_character(tmp_path / "own.bvh")
    turned = retarget(motion, character).world()[0]
    own = motion.kinematics()[0]
    arms = [JOINTS.index(f"{side}_{part}") for side in SIDES for part in ("shoulder", "elbow", "wrist", "collar")]
    nodes = [character.rig.names.index(JOINTS[joint]) for joint in [*arms, 0, 3, 6, 9, 12, 15]]
    np.testing.assert_allclose(turned[:, nodes], own[:, [*arms, 0, 3, 6, 9, 12, 15]], atol=2e-3)


def test_twist_bones_and_the_root_stay_as_they_rest(tmp_path, random_motion, ue5_glb):
    path = tmp_path / "ue5.glb"
    path.write_bytes(ue5_glb.bytes())
    character = read_character(path)
    performance = retarget(random_motion(10), character)
    for node, name in enumerate(character.rig.names):
        if "twist" in name or name in ("root", "Armature"):
            assert node not in performance.driven
            np.testing.assert_array_equal(
                performance.rotations[:, node], np.tile(character.rig.rotations[node], (10, 1, 1))
            )
    assert len(character.bones.spine) == 5


def test_spine_bones_share_the_bend(tmp_path, ue5_glb):
    """Five bones between rest and a chest turned by 60 degrees: ascending, the last with all of it."""
    path = tmp_path / "ue5.glb"
    path.write_bytes(ue5_glb.bytes())
    character = read_character(path)
    rotations = np.tile(np.eye(3), (1, 24, 1, 1))
    for joint in ("spine1", "spine2", "spine3"):
        rotations[0, JOINTS.index(joint)] = matrix_from_axis_angle(np.asarray([np.radians(20), 0, 0]))
    performance = retarget(Motion(rotations, np.asarray([[0, 0.95, 0]])), character)
    turned, still = performance.world()[0][0], character.rig.rest()[0]
    bent = [np.degrees(np.arccos((np.trace(turned[n] @ still[n].T) - 1) / 2)) for n in character.bones.spine]
    np.testing.assert_allclose(bent, [12, 24, 36, 48, 60], atol=0.6)


def test_a_bigger_character_goes_further(tmp_path, make_glb, person, real_clips):
    small, large = make_glb(person(person.MIXAMO)), make_glb(person(person.MIXAMO), unit=250)
    ways = []
    for number, rig in enumerate((small, large)):
        path = tmp_path / f"{number}.glb"
        path.write_bytes(rig.bytes())
        places = retarget(real_clips[0], read_character(path)).world()[1]
        ways.append(places[:, 0])
    np.testing.assert_allclose(ways[1], 250 * ways[0], atol=250 * 2e-3)
