"""Characters made by script: names, proportions, rest poses, bone axes and units as tools make them."""

import json
import struct

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, quaternion_from_matrix

REAL = "shared/data/cmu30"

# A person of 1.8 m, metres, T-pose, facing +z: part -> (parent, place).  Not genmo's proportions.
PERSON = {
    "hips": (None, (0, 1.00, 0)),
    "spine": ("hips", (0, 1.12, -0.02)),
    "chest": ("spine", (0, 1.25, -0.03)),
    "upper_chest": ("chest", (0, 1.38, -0.02)),
    "neck": ("upper_chest", (0, 1.52, 0.0)),
    "head": ("neck", (0, 1.62, 0.02)),
    "upper_leg": ("hips", (0.10, 0.95, 0.0)),
    "lower_leg": ("upper_leg", (0.11, 0.51, 0.01)),
    "foot": ("lower_leg", (0.115, 0.09, -0.03)),
    "toes": ("foot", (0.13, 0.022, 0.11)),
    "shoulder": ("upper_chest", (0.04, 1.46, 0.0)),
    "upper_arm": ("shoulder", (0.18, 1.45, -0.02)),
    "lower_arm": ("upper_arm", (0.46, 1.45, -0.03)),
    "hand": ("lower_arm", (0.71, 1.45, -0.02)),
    "middle": ("hand", (0.81, 1.445, -0.015)),
}
MIDDLE = ("hips", "spine", "chest", "upper_chest", "neck", "head")

MIXAMO = {
    "hips": "Hips", "spine": "Spine", "chest": "Spine1", "upper_chest": "Spine2", "neck": "Neck", "head": "Head",
    "upper_leg": "UpLeg", "lower_leg": "Leg", "foot": "Foot", "toes": "ToeBase", "shoulder": "Shoulder",
    "upper_arm": "Arm", "lower_arm": "ForeArm", "hand": "Hand", "middle": "HandMiddle1",
}  # fmt: skip
UE5 = {
    "hips": "pelvis", "spine": "spine_01", "chest": "spine_02", "upper_chest": "spine_05", "neck": "neck_01",
    "head": "head", "upper_leg": "thigh", "lower_leg": "calf", "foot": "foot", "toes": "ball", "shoulder": "clavicle",
    "upper_arm": "upperarm", "lower_arm": "lowerarm", "hand": "hand", "middle": "middle_01",
}  # fmt: skip


def named(table, part, side):
    """The tool's name of a part."""
    if table is UE5:
        return table[part] if side is None else f"{table[part]}_{side[0]}"
    prefix = {"left": "Left", "right": "Right", None: ""}[side]
    return f"mixamorig:{prefix}{table[part]}"


def body(table, arms_down=0.0, knees=0.0, legs_apart=0.0, thigh=1.0, wide=1.0):
    """[(name, parent's name, place [3])] of a person whose arms hang by `arms_down` radians, and so on; metres."""
    places = []
    for side in (None, "left", "right"):
        for part, (parent, place) in PERSON.items():
            if (part in MIDDLE) != (side is None):
                continue
            at = np.asarray(place, float)
            if part in ("upper_leg", "lower_leg", "foot", "toes"):
                at[0] += 0.10 * (wide - 1)
                knee = 0.95 - 0.44 * thigh
                at[1] = {"upper_leg": 0.95, "lower_leg": knee}.get(part, at[1])
                hip = np.asarray([0.10 * wide, 0.95, 0.0])
                turned = matrix_from_axis_angle(np.asarray([0, 0, legs_apart])) @ (at - hip) + hip
                at = turned if part in ("lower_leg", "foot") else at
                if part == "toes":  # a foot stays flat
                    ankle = matrix_from_axis_angle(np.asarray([0, 0, legs_apart]))
                    moved = ankle @ (np.asarray([0.115 + 0.10 * (wide - 1), 0.09, -0.03]) - hip) + hip
                    at = moved + (0.015, 0.022 - 0.09, 0.14)
                at[2] += knees if part == "lower_leg" else 0
            if part in ("lower_arm", "hand", "middle"):
                shoulder = np.asarray(PERSON["upper_arm"][1], float)
                at = matrix_from_axis_angle(np.asarray([0, 0, -arms_down])) @ (at - shoulder) + shoulder
            if side == "right":
                at = at * (-1, 1, 1)
            above = None if parent is None else named(table, parent, None if parent in MIDDLE else side)
            places.append((named(table, part, side), above, at))
    return places


class Glb:
    """A GLB file being made: nodes with places in the world, any bone axes, a skin, a mesh of little tetrahedra."""

    def __init__(self, bones, axes_seed=None, above=(), unit=1.0, extensions=None, spare=(), mesh_turn=None):
        """`above`: nodes over the first bone, (name, rotation, scale); `unit`: lengths of the file in a metre;
        `mesh_turn` [3, 3]: of the mesh's little tetrahedra."""
        rng = np.random.default_rng(axes_seed)
        self.nodes, self.world, self.binary = [], [], bytearray()
        self.views, self.accessors = [], []
        top = np.eye(4)
        for name, rotation, scale in above:
            local = np.eye(4)
            local[:3, :3] = rotation * scale
            node = {"name": name, "scale": [scale] * 3, "rotation": self._quaternion(rotation), "children": []}
            if self.nodes:
                self.nodes[-1]["children"].append(len(self.nodes))
            self.nodes.append(node)
            top = top @ local
            self.world.append(top)
        first = len(self.nodes)
        number = {None: first - 1}
        rest = {name: place for name, _, place in bones}
        for name, parent, place in [*bones, *[(n, p, rest[p] + np.asarray(d)) for n, p, d in spare]]:
            turn = np.eye(3) if axes_seed is None else matrix_from_axis_angle(rng.normal(0, 2, 3))
            matrix = np.eye(4)
            matrix[:3, :3] = turn * np.linalg.norm(top[:3, 0])
            matrix[:3, 3] = unit * np.asarray(place)
            self._add(name, number[parent], matrix)
            number[name] = len(self.nodes) - 1
        self.joints = list(range(first, len(self.nodes)))
        self.extensions = extensions or {}
        self._mesh(np.eye(3) if mesh_turn is None else mesh_turn)

    @staticmethod
    def _quaternion(rotation):
        return np.roll(quaternion_from_matrix(rotation), -1).tolist()

    def _add(self, name, parent, matrix):
        local = matrix if parent < 0 else np.linalg.inv(self.world[parent]) @ matrix
        scale = np.linalg.norm(local[:3, 0])
        node = {"name": name, "translation": local[:3, 3].tolist()}
        node["rotation"] = self._quaternion(local[:3, :3] / scale)
        if parent >= 0:
            self.nodes[parent].setdefault("children", []).append(len(self.nodes))
        self.nodes.append(node)
        self.world.append(matrix)

    def array(self, values, dtype, code, kind):
        data = np.ascontiguousarray(values, dtype)
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": data.nbytes})
        self.binary += data.tobytes() + bytes(-data.nbytes % 4)
        accessor = {"bufferView": len(self.views) - 1, "componentType": code, "count": len(data), "type": kind}
        if kind == "VEC3":
            accessor |= {"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def _mesh(self, turn):
        small = 0.02 * np.asarray([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) @ turn.T
        span = abs(self.world[self.joints[0]][1, 3]) + abs(self.world[self.joints[0]][2, 3])
        points = np.concatenate([self.world[joint][:3, 3] + span * small for joint in self.joints])
        count = len(self.joints)
        inverse = np.stack([np.linalg.inv(self.world[joint]).T.reshape(-1) for joint in self.joints])
        joints = np.zeros((4 * count, 4))
        joints[:, 0] = np.repeat(np.arange(count), 4)
        self.attributes = {
            "POSITION": self.array(points, "<f4", 5126, "VEC3"),
            "JOINTS_0": self.array(joints, "<u2", 5123, "VEC4"),
            "WEIGHTS_0": self.array(np.tile([1.0, 0, 0, 0], (4 * count, 1)), "<f4", 5126, "VEC4"),
        }
        faces = (4 * np.arange(count)[:, None] + [0, 1, 2, 0, 2, 3, 0, 3, 1, 1, 3, 2]).reshape(-1)
        self.indices = self.array(faces, "<u2", 5123, "SCALAR")
        self.inverse = self.array(inverse, "<f4", 5126, "MAT4")

    def bytes(self, change=None):
        nodes = [*self.nodes, {"name": "skin", "mesh": 0, "skin": 0}]
        primitive = {"attributes": self.attributes, "indices": self.indices, "material": 0}
        document = {
            "asset": {"version": "2.0", "copyright": "made by a test"},
            "extras": {"keep": [1.25, "äé"]},
            "scene": 0,
            "scenes": [{"nodes": [0, len(nodes) - 1]}],
            "nodes": nodes,
            "meshes": [{"name": "skin", "primitives": [primitive]}],
            "materials": [{"name": "cloth", "pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.2, 0.7, 1]}}],
            "skins": [{"joints": self.joints, "inverseBindMatrices": self.inverse}],
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.binary)}],
        }
        if self.extensions:
            document |= {"extensions": self.extensions, "extensionsUsed": list(self.extensions)}
        if change is not None:
            change(document)
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        head = struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + len(self.binary), len(text), 0x4E4F534A)
        return head + text + struct.pack("<II", len(self.binary), 0x004E4942) + bytes(self.binary)


def mixamo(seed=1, arms_down=0.8):
    """Mixamo names, A-pose, arbitrary bone axes, centimetres in the file."""
    return Glb(body(MIXAMO, arms_down, knees=0.02, thigh=1.02), axes_seed=seed, unit=100)


def ue5(seed=2):
    """UE5 names, T-pose with legs apart, five spine bones, twist bones and a root; z-up bones in a turned, scaled
    armature, so that the file stands y up in metres while its bones are in centimetres."""
    bones = body(UE5, 0.15, legs_apart=0.08, thigh=0.97, wide=1.15)
    table = {name: (parent, place) for name, parent, place in bones}
    extra = []
    for number, share in ((3, 0.33), (4, 0.66)):
        low, high = table["spine_02"][1], table["spine_05"][1]
        extra.append((f"spine_0{number}", f"spine_0{number - 1}", (1 - share) * low + share * high))
    bones = [(n, "spine_04" if n == "spine_05" else "root" if n == "pelvis" else p, at) for n, p, at in bones]
    place = next(i for i, bone in enumerate(bones) if bone[0] == "spine_05")
    bones = [("root", None, np.zeros(3)), *bones[:place], *extra, *bones[place:]]
    spare = [
        (f"{bone}_twist_01_{s}", f"{bone}_{s}", (0.05, -0.05, 0.0)) for bone in ("upperarm", "thigh") for s in "lr"
    ]
    above = [("Armature", matrix_from_axis_angle(np.asarray([-np.pi / 2, 0, 0])), 0.01)]
    return Glb(bones, axes_seed=seed, above=above, spare=spare)


RIGS = {
    "mixamo": mixamo,
    "mixamo T-pose, plain axes": lambda: Glb(body(MIXAMO)),
    "mixamo arms down": lambda: mixamo(5, 1.45),
    "ue5": ue5,
}


@pytest.fixture(params=list(RIGS))
def rig_file(request, tmp_path):
    """Path of each character's file in turn."""
    path = tmp_path / "hero.glb"
    path.write_bytes(RIGS[request.param]().bytes())
    return path


@pytest.fixture
def ue5_glb():
    return ue5()


@pytest.fixture(scope="session")
def make_glb():
    return Glb


@pytest.fixture(scope="session")
def person():
    """`person(table, ...)`: bones of a made-up person; the tables are its attributes."""
    body.MIXAMO, body.UE5 = MIXAMO, UE5
    return body


@pytest.fixture
def mixamo_file(tmp_path):
    path = tmp_path / "mixamo.glb"
    path.write_bytes(mixamo().bytes())
    return path


@pytest.fixture(scope="session")
def real_clips():
    """Captured clips of walking and other movement, four seconds each, feet on the ground."""
    from pathlib import Path

    folder = Path(__file__).resolve().parents[4] / REAL
    if not (folder / "index.json").is_file():
        pytest.skip(f"no {REAL} beside the repository")
    from genmo.train.datasets.read import read_clips

    result = []
    for clip in list(read_clips(folder))[::37]:
        if clip.frames >= 120:
            part = slice(0, 120)
            rotations, places = clip.rotations[part].astype(np.float64), clip.translation[part].astype(np.float64)
            result.append(Motion(rotations, places, offsets=clip.offsets.astype(np.float64)))
    return result
