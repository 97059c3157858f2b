"""OSC and VMC against python-osc: every packet decodes, and the humanoid stands as the motion does, mirrored."""

import socket

import numpy as np
import pytest

from genmo.runtime.live.osc import bundle, message
from genmo.runtime.live.vmc import LARGEST_PACKET, VmcSender, humanoid_pose, packets, parse_address
from genmo.runtime.motion.bone_names import HUMAN_BODY_BONES
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.support.errors import InputError

osc_bundle = pytest.importorskip("pythonosc.osc_bundle")
osc_message = pytest.importorskip("pythonosc.osc_message")

# Unity's humanoid: bone -> parent, written down from HumanBodyBones and not from our table.
UNITY = {
    "Spine": "Hips", "Chest": "Spine", "UpperChest": "Chest", "Neck": "UpperChest", "Head": "Neck",
    **{f"{s}{bone}": parent.format(s=s) for s in ("Left", "Right") for bone, parent in (
        ("UpperLeg", "Hips"), ("LowerLeg", "{s}UpperLeg"), ("Foot", "{s}LowerLeg"), ("Toes", "{s}Foot"),
        ("Shoulder", "UpperChest"), ("UpperArm", "{s}Shoulder"), ("LowerArm", "{s}UpperArm"), ("Hand", "{s}LowerArm"))},
}  # fmt: skip


def decoded(datagrams):
    """(address, values) of all messages."""
    return [(one.address, one.params) for data in datagrams for one in osc_bundle.OscBundle(data)]


def unity_world(messages):
    """Positions of Unity's bones in its world, by its own rules: local positions and x, y, z, w quaternions."""
    bones = {values[0]: np.asarray(values[1:]) for address, values in messages if address == "/VMC/Ext/Bone/Pos"}
    root = next(np.asarray(values[1:]) for address, values in messages if address == "/VMC/Ext/Root/Pos")

    def place(name):
        values = bones[name] if name != "root" else root
        turn, at = matrix_from_quaternion(values[[6, 3, 4, 5]]), values[:3]
        if name == "root":
            return turn, at
        above, start = place(UNITY.get(name, "root"))
        return above @ turn, start + above @ at

    return {name: place(name)[1] for name in bones}


@pytest.mark.parametrize("values", [(), (1,), (-(2**30), 2**30), (0.5, "abc", 7), ("", "four", "fivee"), (1e30,)])
def test_messages_are_those_of_another_library(values):
    read = osc_message.OscMessage(message("/a/bc", *values))
    assert read.address == "/a/bc"
    assert [type(value) for value in read.params] == [type(value) for value in values]
    assert read.params == [pytest.approx(value) if isinstance(value, float) else value for value in values]
    built = pytest.importorskip("pythonosc.osc_message_builder").OscMessageBuilder("/a/bc")
    for value in values:
        built.add_arg(value)
    assert message("/a/bc", *values) == built.build().dgram


def test_bundles_hold_their_messages():
    read = osc_bundle.OscBundle(bundle([message("/a", 1), message("/bb", "x")]))
    assert [one.address for one in read] == ["/a", "/bb"]


@pytest.mark.parametrize("text", ["zero\0inside", "ünï"])
def test_text_that_osc_has_not(text):
    with pytest.raises(ValueError):
        message("/a", text)


def test_the_decoded_humanoid_is_the_motion_in_unitys_world(random_motion):
    motion = random_motion(6)
    joints = motion.joints_world()
    for frame in range(motion.frames):
        bundles = packets(humanoid_pose(motion.rotations[frame], motion.translation[frame], motion.rest_offsets), 1.5)
        assert all(len(packet) <= LARGEST_PACKET for packet in bundles)
        decoded_bones = decoded(bundles)
        assert decoded_bones[0] == ("/VMC/Ext/OK", [1])
        assert decoded_bones[1] == ("/VMC/Ext/T", [1.5])
        assert decoded_bones[2][1][0] == "root"
        places = unity_world(decoded_bones)
        assert len(places) == 22
        for bone, joint in HUMAN_BODY_BONES.items():
            expected = joints[frame, JOINTS.index(joint)] * [-1, 1, 1]
            np.testing.assert_allclose(places[bone], expected, atol=2e-6, err_msg=bone)


def test_the_left_hand_is_on_unitys_left_in_the_t_pose():
    from genmo.runtime.motion.skeleton import shape_space

    pose = humanoid_pose(np.tile(np.eye(3), (24, 1, 1)), np.array([0, 0.9, 0]), shape_space().mean)
    places = unity_world(decoded(packets(pose, 0.0)))
    assert places["LeftHand"][0] < -0.4 < 0.4 < places["RightHand"][0]  # facing +z in a left-handed world
    assert places["LeftToes"][2] > places["LeftFoot"][2]
    np.testing.assert_allclose(pose.rotations, np.tile([0, 0, 0, 1], (22, 1)), atol=1e-12)


def test_packets_arrive(random_motion):
    motion = random_motion(1)
    pose = humanoid_pose(motion.rotations[0], motion.translation[0], motion.rest_offsets)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sender = VmcSender("127.0.0.1", listener.getsockname()[1])
        sender.send(pose, 0.25)
        received = [listener.recv(65536) for _ in range(sender.sent)]
        sender.close()
    assert received == packets(pose, 0.25)
    assert len(received) == 2


def test_nobody_listening_and_a_full_buffer_do_not_stop_it(random_motion):
    motion = random_motion(1)
    pose = humanoid_pose(motion.rotations[0], motion.translation[0], motion.rest_offsets)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    sender = VmcSender("127.0.0.1", port)
    for _ in range(200):
        sender.send(pose, 0.0)
    sender.close()
    assert sender.sent + sender.dropped == 400


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("127.0.0.1:39540", ("127.0.0.1", 39540)),
        ("vr-pc", ("vr-pc", 39539)),
        ("[::1]:40", ("::1", 40)),
        ("[::1]", ("::1", 39539)),
    ],
)
def test_addresses(argument, expected):
    assert parse_address(argument) == expected


@pytest.mark.parametrize("argument", ["", ":39539", "host:0", "host:65536", "host:x", "host:-1", "host:٣"])
def test_bad_addresses(argument):
    with pytest.raises(InputError, match="wanted HOST:PORT"):
        parse_address(argument)
