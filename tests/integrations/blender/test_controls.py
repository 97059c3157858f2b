"""Rigs of Rigify: what moves the bones that deform are controls elsewhere in the tree."""

import numpy as np
import pytest

from genmo.runtime import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion
from genmo.runtime.retarget import retarget

LIMBS = {
    "thigh": ("spine", (0.10, 0.95, 0.0)),
    "shin": ("thigh", (0.11, 0.51, 0.01)),
    "foot": ("shin", (0.115, 0.09, -0.03)),
    "toe": ("foot", (0.13, 0.022, 0.11)),
    "shoulder": ("spine.002", (0.04, 1.46, 0.0)),
    "upper_arm": ("shoulder", (0.18, 1.45, -0.02)),
    "forearm": ("upper_arm", (0.46, 1.45, -0.03)),
    "hand": ("forearm", (0.71, 1.45, -0.02)),
}
TRUNK = {
    "spine": (None, (0, 1.0, 0)),
    "spine.001": ("spine", (0, 1.12, -0.02)),
    "spine.002": ("spine.001", (0, 1.30, -0.02)),
    "spine.004": ("spine.002", (0, 1.52, 0)),
    "spine.006": ("spine.004", (0, 1.62, 0.02)),
}
# control -> (what it hangs on, the part of the body at whose place it turns: below the torso the upper end)
CONTROLS = {
    "torso": ("root", "spine.001"),
    "hips": ("torso", "spine"),
    "chest": ("torso", "spine.002"),
    "spine_fk.001": ("torso", "spine.002"),
    "spine_fk": ("spine_fk.001", "spine.001"),
    "spine_fk.002": ("torso", "spine.002"),
    "neck": ("spine_fk.002", "spine.004"),
    "head": ("neck", "spine.006"),
}


@pytest.fixture
def rig(core):
    """A rig as Rigify builds them: controls, bones that copy them (ORG-), and bones that deform (DEF-)."""
    rng = np.random.default_rng(7)
    parts = dict(TRUNK)
    for side in "LR":
        for limb, (above, place) in LIMBS.items():
            at = np.asarray(place) * ((-1, 1, 1) if side == "R" else 1)
            parts[f"{limb}.{side}"] = (above if above in TRUNK else f"{above}.{side}", at)
    bones = {"root": (None, np.zeros(3))}
    bones |= {name: (above, parts[part][1]) for name, (above, part) in CONTROLS.items()}
    copied = {"spine": "spine_fk", "spine.001": "spine_fk.001", "spine.002": "spine_fk.002", "spine.004": "neck"}
    copied["spine.006"] = "head"
    for part in TRUNK:
        bones[f"ORG-{part}"] = (copied[part], parts[part][1])
    for side in "LR":
        for limb, (above, _) in LIMBS.items():
            part = f"{limb}.{side}"
            control = part if limb == "shoulder" else f"{limb}_fk.{side}"
            on = f"ORG-{above}" if above in TRUNK else f"{above}_fk.{side}"
            bones[control] = (f"ORG-shoulder.{side}" if limb == "upper_arm" else on, parts[part][1])
            bones[f"ORG-{part}"] = (control, parts[part][1])
        for limb in ("thigh", "upper_arm"):
            bones[f"{limb}_parent.{side}"] = ("root", parts[f"{limb}.{side}"][1])
    for part, (above, place) in parts.items():
        first = {"thigh": "ORG-spine", "shoulder": f"ORG-{part}", "upper_arm": f"ORG-{above}"}.get(part.split(".")[0])
        bones[f"DEF-{part}"] = (first or above and f"DEF-{above}", place)
    names = list(bones)
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    rest[:, :3, :3] = matrix_from_axis_angle(rng.normal(0, 2, (len(names), 3)))
    rest[:, :3, 3] = [place for _, place in bones.values()]
    parents = tuple(-1 if above is None else names.index(above) for above, _ in bones.values())
    held = tuple(name.startswith(("DEF-", "ORG-")) for name in names)
    deforms = tuple(name.startswith("DEF-") for name in names)
    return core("skeleton").Skeleton("rig", tuple(names), parents, rest, deforms, constrained=held)


def test_bones_that_deform_hang_on_one_another(core, rig):
    controls = core("controls")
    body = controls.deforming(rig)
    above = {name: body.names[parent] for name, parent in zip(body.names, body.parents, strict=True) if parent >= 0}
    assert controls.generated(rig) and not controls.generated(body) and len(body.names) == 21
    assert above["DEF-thigh.L"] == "DEF-spine" and above["DEF-upper_arm.R"] == "DEF-shoulder.R"
    assert above["DEF-shoulder.L"] == "DEF-spine.002" and "DEF-spine" not in above
    assert all(parent < bone for bone, parent in enumerate(body.parents))
    assert controls.deforming(body) is body


def test_controls_move_the_body_as_it_was_meant(core, rig, played):
    frames = 20
    time_of = np.arange(frames) / 30
    angles = np.zeros((frames, 24, 3))
    angles[:, 0, 1], angles[:, 3, 0], angles[:, 6, 2], angles[:, 12, 0] = (
        share * time_of for share in (1, 0.8, 0.5, 0.4)
    )
    angles[:, 1, 0], angles[:, 4, 0], angles[:, 16, 2], angles[:, 13, 1] = (
        share * time_of for share in (-1, 1.5, -2, 0.4)
    )
    motion = Motion(matrix_from_axis_angle(angles), np.stack([time_of, 0.95 + 0 * time_of, 2 * time_of], axis=-1))
    controls = core("controls")
    body = core("skeleton").character(controls.deforming(rig))
    performance = retarget(motion, body)
    tracks = controls.control_tracks(performance, rig)
    turns = {track.bone: matrix_from_quaternion(track.rotations) for track in tracks}
    matrices = played(rig, turns, {track.bone: track.locations for track in tracks if track.locations is not None})
    rotations, positions = performance.world()
    rest = body.rig.rest()[0]
    for bone, name in enumerate(body.rig.names):
        at = rig.names.index(name.replace("DEF-", "ORG-"))
        turned = matrices[:, at, :3, :3] @ rig.rest[at, :3, :3].T
        assert np.abs(turned - rotations[:, bone] @ rest[bone].T).max() < 1e-9, name
        assert np.abs(matrices[:, at, :3, 3] - positions[:, bone]).max() < 1e-9, name


def test_switches_are_those_that_the_rig_has(core, rig):
    said = {(switch.bone, switch.name): switch.value for switch in core("controls").switches(rig)}
    assert said["thigh_parent.L", "IK_FK"] == 1.0 and said["torso", "head_follow"] == 1.0 and len(said) == 10
