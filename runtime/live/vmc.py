"""A pose as messages of the Virtual Motion Capture protocol (protocol.vmc.info), for Unity, Unreal, Blender and VTuber
programs.

Frames of reference: VMC speaks Unity's world: left-handed, y up, metres, people face +z with their left at -x.  Ours is
right-handed with the left at +x, so x is mirrored: positions (-x, y, z), rotations (x, -y, -z, w).  A bone's position
and rotation are local to its parent; rotations are the identity in the T-pose, as in a VRM model.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime.live.osc import bundle, message
from genmo.runtime.motion.bone_names import HUMAN_BODY_BONES
from genmo.runtime.motion.rotation import quaternion_from_matrix
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

PORT = 39539
"""where receivers (the protocol's Marionette) usually listen"""
LARGEST_PACKET = 1432
"""Bytes: a packet over the usual limit of a network would be cut in pieces and easily lost."""
_LOADED = 1

_JOINTS = [JOINTS.index(joint) for joint in HUMAN_BODY_BONES.values()]
"""of Unity's HumanBodyBones.  Our last two joints, the middles of the hands, have none."""
_MIRROR = np.asarray([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class HumanoidPose:
    """One moment, as VMC says it."""

    names: tuple[str, ...]
    positions: Array
    """[bones, 3] metres, local to the parent; the hips' in the world"""
    rotations: Array
    """[bones, 4] x, y, z, w, local to the parent"""


def humanoid_pose(rotations: Array, translation: Array, offsets: Array) -> HumanoidPose:
    """The humanoid of local rotations [24, 3, 3], the pelvis [3] in the world and rest offsets [24, 3] (our frame)."""
    positions = np.asarray(offsets, np.float64)[_JOINTS]
    positions[0] = translation
    mirrored = _MIRROR[:, None] * np.asarray(rotations, np.float64)[_JOINTS] * _MIRROR
    return HumanoidPose(tuple(HUMAN_BODY_BONES), positions * _MIRROR, quaternion_from_matrix(mirrored)[:, [1, 2, 3, 0]])


def packets(pose: HumanoidPose, seconds: float) -> list[bytes]:
    """The bundles that carry a pose at a time since the start; each fits into one packet of a usual network."""
    head = [
        message("/VMC/Ext/OK", _LOADED),
        message("/VMC/Ext/T", float(seconds)),
        message("/VMC/Ext/Root/Pos", "root", *(0.0, 0.0, 0.0), *(0.0, 0.0, 0.0, 1.0)),
    ]
    bones = [
        message("/VMC/Ext/Bone/Pos", name, *map(float, position), *map(float, rotation))
        for name, position, rotation in zip(pose.names, pose.positions, pose.rotations, strict=True)
    ]
    return _bundled([*head, *bones])


def _bundled(messages: Sequence[bytes]) -> list[bytes]:
    bundles, waiting, size = [], list[bytes](), 16
    for one in messages:
        if waiting and size + 4 + len(one) > LARGEST_PACKET:
            bundles.append(bundle(waiting))
            waiting, size = [], 16
        waiting.append(one)
        size += 4 + len(one)
    return [*bundles, bundle(waiting)]


def parse_address(argument: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `HOST` or `[IPv6]:PORT`; the port defaults to 39539.  Raises InputError."""
    host, _, port = argument.rpartition(":") if ":" in argument and not argument.endswith("]") else (argument, "", "")
    number = port or str(PORT)
    if not host.strip("[]") or not number.isascii() or not number.isdecimal() or not 1 <= int(number) <= 65535:
        raise InputError(f"--vmc is {argument!r}; wanted HOST:PORT, as 127.0.0.1:{PORT}")
    return host.strip("[]"), int(number)


class VmcSender:
    """Sends poses over UDP without ever waiting: what the network does not take at once is dropped and counted.

    Raises InputError for a host that has no address.
    """

    def __init__(self, host: str, port: int = PORT) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise InputError(
                f"--vmc {host}:{port}: {error.strerror or error}; wanted a host that can be found"
            ) from None
        self._address: tuple[Any, ...] = address
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self.sent = self.dropped = 0
        """packets"""

    def send(self, pose: HumanoidPose, seconds: float) -> None:
        """Send one pose; nobody listening is not an error."""
        assert math.isfinite(seconds)
        for packet in packets(pose, seconds):
            try:
                self._socket.sendto(packet, self._address)
                self.sent += 1
            except OSError:  # a full buffer, no network for a moment, or a refusal that came back
                self.dropped += 1

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close()
