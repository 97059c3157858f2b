"""The parts of the extension that know no `bpy`, imported from where they lie, and armatures as arrays."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[3] / "integrations" / "blender"

# A person in a T-pose, metres, y up, facing +z: part -> (parent, place)
PERSON = {
    "hips": (None, (0, 1.00, 0)),
    "spine": ("hips", (0, 1.12, -0.02)),
    "chest": ("spine", (0, 1.30, -0.02)),
    "neck": ("chest", (0, 1.52, 0.0)),
    "head": ("neck", (0, 1.62, 0.02)),
    "upper_leg": ("hips", (0.10, 0.95, 0.0)),
    "lower_leg": ("upper_leg", (0.11, 0.51, 0.01)),
    "foot": ("lower_leg", (0.115, 0.09, -0.03)),
    "toes": ("foot", (0.13, 0.022, 0.11)),
    "shoulder": ("chest", (0.04, 1.46, 0.0)),
    "upper_arm": ("shoulder", (0.18, 1.45, -0.02)),
    "lower_arm": ("upper_arm", (0.46, 1.45, -0.03)),
    "hand": ("lower_arm", (0.71, 1.45, -0.02)),
    "thumb": ("hand", (0.75, 1.44, 0.03)),
}
MIXAMO = {
    "hips": "Hips", "spine": "Spine", "chest": "Spine1", "neck": "Neck", "head": "Head", "upper_leg": "UpLeg",
    "lower_leg": "Leg", "foot": "Foot", "toes": "ToeBase", "shoulder": "Shoulder", "upper_arm": "Arm",
    "lower_arm": "ForeArm", "hand": "Hand", "thumb": "HandThumb1",
}  # fmt: skip
TRUNK = ("hips", "spine", "chest", "neck", "head")


def _module(name, path, folders=None):
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folders)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def core():
    """`core("poses")`: a module of the extension."""
    inside = FOLDER / "extension" / "core"
    _module("genmo_blender_core", inside / "__init__.py", [str(inside)])
    return lambda name: importlib.import_module(f"genmo_blender_core.{name}")


@pytest.fixture(scope="session")
def build():
    """`integrations/blender/build.py`."""
    return _module("genmo_blender_build", FOLDER / "build.py")


@pytest.fixture(scope="session")
def armature(core):
    """`armature(seed=..., unit=..., z_up=..., **flags)`: a Mixamo-named `Skeleton` with arbitrary bone axes."""
    from genmo.runtime.motion.rotation import matrix_from_axis_angle

    def make(seed=3, unit=1.0, z_up=False, **flags):
        rng = np.random.default_rng(seed)
        names, parents, rest = [], [], []
        for side in ("", "Left", "Right"):
            for part, (parent, place) in PERSON.items():
                if (part in TRUNK) != (side == ""):
                    continue
                matrix = np.eye(4)
                matrix[:3, :3] = matrix_from_axis_angle(rng.normal(0, 2, 3))
                matrix[:3, 3] = unit * np.asarray(place) * ((-1, 1, 1) if side == "Right" else 1)
                if z_up:
                    matrix = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]) @ matrix
                above = None if parent is None else f"{'' if parent in TRUNK else side}{MIXAMO[parent]}"
                parents.append(-1 if above is None else names.index(above))
                names.append(f"{side}{MIXAMO[part]}")
                rest.append(matrix)
        return core("skeleton").Skeleton("Hero", tuple(names), tuple(parents), np.stack(rest), **flags)

    return make


@pytest.fixture(scope="session")
def played():
    """`played(skeleton, turns, moves)`: matrices [frames, bones, 4, 4] as Blender has them, of `PoseBone` channels."""

    def play(skeleton, turns, moves):
        frames = max((len(one) for one in turns.values()), default=1)
        world = np.empty((frames, len(skeleton.names), 4, 4))
        for bone, parent in enumerate(skeleton.parents):
            basis = np.tile(np.eye(4), (frames, 1, 1))
            name = skeleton.names[bone]
            if name in turns:
                basis[:, :3, :3] = turns[name]
            if name in moves:
                basis[:, :3, 3] = moves[name]
            rest = skeleton.rest[bone]
            if parent >= 0:
                rest = np.linalg.inv(skeleton.rest[parent]) @ rest
                world[:, bone] = world[:, parent] @ rest @ basis
            else:
                world[:, bone] = rest @ basis
        return world

    return play
