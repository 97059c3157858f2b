# SPDX-License-Identifier: GPL-3.0-or-later
"""Proscenium, the protocol's own add-on for Blender, against genmo-serve: what an animator does with it, measured.

    git clone https://github.com/animatica-ai/proscenium-blender
    genmo-serve &
    bpy-env/bin/python integrations/blender/tests/proscenium.py proscenium-blender http://127.0.0.1:8000

Enables the add-on in a Blender of its own, presses Connect, imports the server's skeleton, and on it and on a Mixamo
rig generates from text, along a curve, with a pinned hand and through a pose that was keyed, by the add-on's own
operators.  What its window would do (timer events) is done here.  Exit status 1 where a number is over its bound.
"""

import argparse
import base64
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

ASKED = argparse.ArgumentParser(description=__doc__.splitlines()[1])
ASKED.add_argument("addon", type=Path, help="a clone of proscenium-blender")
ASKED.add_argument("server", nargs="?", default="http://127.0.0.1:8000", help="genmo-serve's address")
ASKED = ASKED.parse_args()
HOME = Path(tempfile.mkdtemp(prefix="genmo-proscenium-"))
(HOME / "scripts" / "addons").mkdir(parents=True)
(HOME / "scripts" / "addons" / "proscenium_blender").symlink_to(ASKED.addon.resolve() / "proscenium_blender")
os.environ["BLENDER_USER_RESOURCES"] = str(HOME)
sys.path.insert(0, str(Path(__file__).parent))

import bpy  # noqa: E402  # after the folder of its settings is known
import numpy as np  # noqa: E402
from rigs import build_rig  # noqa: E402

FRAMES = 72
FIRST = 1  # Blender's frame of the answer's first
KEYED = 40
POSE = {"left arm": (0.9, 0.2, 0.3, 0.1), "right thigh": (0.95, 0.3, 0, 0), "spine": (1, 0.1, 0, 0)}
faults: list[str] = []
WINDOW = SimpleNamespace(
    event_timer_add=lambda *_, **__: object(), event_timer_remove=lambda _: None, modal_handler_add=lambda _: None
)


class Context:
    """Blender's context as the add-on sees it, with a window manager that needs no window."""

    window_manager, window, screen = WINDOW, None, SimpleNamespace(areas=())

    def __getattr__(self, name: str):
        return getattr(bpy.context, name)


def check(said: str, value: float, bound: float) -> None:
    """Print a number and remember it where it is over its bound."""
    good = value <= bound
    print(f"  {'ok  ' if good else 'OVER'} {said}: {value:.4g} (at most {bound:g})", flush=True)
    if not good:
        faults.append(said)


def pressed(operator: type):
    """An operator of the add-on as an object whose `execute` and `modal` run without Blender's event loop."""
    names = {name: value for name, value in vars(operator).items() if not name.startswith(("__", "bl_"))}
    told: list[str] = []
    names["report"] = lambda self, kinds, line: told.append(line)
    return type(operator.__name__, (), {**names, "told": told})()


def connect(addon) -> None:
    """Preferences, Connect, and the server's skeleton as an armature."""
    bpy.ops.preferences.addon_enable(module="proscenium_blender")
    preferences = bpy.context.preferences.addons["proscenium_blender"].preferences
    preferences.self_hosted, preferences.server_url = True, ASKED.server
    button = pressed(addon.operators.PROSCENIUM_OT_connect)
    assert button.execute(Context()) == {"FINISHED"}, button.told
    print(button.told[-1])


def generate(addon, armature: bpy.types.Object, prompt: str) -> dict:
    """Generate Motion with one prompt over all frames; the answer, which is then on the armature."""
    settings = bpy.context.scene.proscenium
    settings.target_armature, settings.quality_preset = armature, "QUARTER"
    settings.prompt_blocks.clear()
    block = settings.prompt_blocks.add()
    block.prompt, block.frame_start, block.frame_end = prompt, FIRST, FIRST + FRAMES - 1
    button = pressed(addon.operators.PROSCENIUM_OT_generate)
    assert button.execute(Context()) == {"RUNNING_MODAL"}, button.told
    button._thread.join()
    assert button.modal(Context(), SimpleNamespace(type="TIMER")) == {"FINISHED"}, button.told
    print(f"  {button.told[-1]}: {armature.animation_data.action.name}")
    return button._result


def floats(document: dict, index: int) -> np.ndarray:
    """An accessor of a glTF document whose buffers are inside."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    data = base64.b64decode(document["buffers"][view["buffer"]]["uri"].partition(",")[2])
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(data, "<f4", accessor["count"] * width, start).reshape(-1, width).astype(float)


def matrices(quaternions: np.ndarray) -> np.ndarray:
    """[..., 3, 3] of quaternions (x, y, z, w)."""
    x, y, z, w = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.asarray(rows), (0, 1), (-2, -1))


def answered(document: dict) -> dict[str, np.ndarray]:
    """Joint -> places [frames, 3] of the answer as glTF plays it, y up."""
    nodes, animation = document["nodes"], document["animations"][0]
    turns, moves = {}, {}
    for channel in animation["channels"]:
        target, value = channel["target"], floats(document, animation["samplers"][channel["sampler"]]["output"])
        (turns if target["path"] == "rotation" else moves)[target["node"]] = value
    above = {child: parent for parent, node in enumerate(nodes) for child in node.get("children", ())}
    world: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for index, node in enumerate(nodes):  # parents come first
        turn = matrices(turns[index])
        move = moves.get(index, np.broadcast_to(node.get("translation", (0, 0, 0)), (FRAMES, 3)))
        if index in above:
            up, place = world[above[index]]
            world[index] = up @ turn, place + np.einsum("fij,fj->fi", up, move)
        else:
            world[index] = turn, move
    return {node["name"]: world[index][1] for index, node in enumerate(nodes)}


def played(armature: bpy.types.Object) -> dict[str, np.ndarray]:
    """Bone -> places [frames, 3] of its head in Blender's world, as y up."""
    found: dict[str, list] = {bone.name: [] for bone in armature.pose.bones}
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(FIRST + frame)
        for bone in armature.pose.bones:
            x, y, z = armature.matrix_world @ bone.head
            found[bone.name].append((x, z, -y))
    return {name: np.asarray(places) for name, places in found.items()}


def limbs(armature: bpy.types.Object, names: dict[str, str], places: dict[str, np.ndarray], other) -> float:
    """The largest angle in degrees between arms and legs as they are played and as they were answered."""
    pairs = [("arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot")]
    worst = 0.0
    for side in ("left", "right"):
        for first, second in pairs:
            ways = [there[names[f"{side} {second}"]] - there[names[f"{side} {first}"]] for there in (places, other)]
            cosine = (ways[0] * ways[1]).sum(-1) / np.linalg.norm(ways[0], axis=-1) / np.linalg.norm(ways[1], axis=-1)
            worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max()))
    return worst


def floor(armature: bpy.types.Object, names: dict[str, str], places: dict[str, np.ndarray]) -> float:
    """How far the lowest toe of all frames is from its height at rest, in millimetres."""
    toes = [names["left toe"], names["right toe"]]
    rest = min((armature.matrix_world @ armature.data.bones[name].head_local).z for name in toes)
    return 1000 * abs(min(places[name][:, 1].min() for name in toes) - rest)


def text(addon, armature, names) -> None:
    answer = answered(generate(addon, armature, "a person walks forward"))
    places = played(armature)
    lift = rest_lift(armature, answer, names)
    off = max(np.linalg.norm(places[name] - lift - answer[name], axis=-1).max() for name in names.values())
    check("joints in Blender beside the answer's, mm", 1000 * off, 1)
    check("arms and legs beside the answer's, degrees", limbs(armature, names, places, answer), 1)
    check("lowest toe beside where it rests, mm", floor(armature, names, places), 5)


def rest_lift(armature, answer, names) -> np.ndarray:
    """The constant by which the add-on has put the armature over the answer's floor."""
    hips = names["hips"]
    return (played(armature)[hips] - answer[hips]).mean(axis=0)


def path(addon, armature, names) -> None:
    assert bpy.ops.proscenium.add_root_path() == {"FINISHED"}
    curve = bpy.context.active_object
    shape = ((0, 0, 0), (0.3, -0.7, 0), (0.9, -1.3, 0), (1.7, -1.6, 0))
    for point, place in zip(curve.data.splines[0].bezier_points, shape, strict=True):
        point.co = place
    bpy.context.view_layer.update()
    asked = addon.constraints_ui.sample_root_path(curve, total_frames=FRAMES)
    generate(addon, armature, "a person walks forward")
    hips = played(armature)[names["hips"]]
    off = hips[asked["frames"]][:, [0, 2]] - np.asarray(asked["positions_xz"])
    check("hips beside the drawn path, mm", 1000 * np.linalg.norm(off, axis=-1).max(), 1)
    bpy.data.objects.remove(curve)


def effector(addon, armature, names) -> None:
    hand = names["left hand"]
    empty = bpy.data.objects.new("pin", None)
    bpy.context.scene.collection.objects.link(empty)
    empty[addon.constants.PROP_TARGET_JOINT] = hand
    wanted = {}
    for frame, place in ((20, (0.35, -0.3, 1.45)), (50, (0.15, -0.45, 1.0))):
        empty.location = place
        empty.keyframe_insert("location", frame=frame)
        wanted[frame] = np.asarray((place[0], place[2], -place[1]))
    generate(addon, armature, "a person stands still")
    places = played(armature)[hand]
    off = max(np.linalg.norm(places[frame - FIRST] - place) for frame, place in wanted.items())
    check("the hand beside its pin, mm", 1000 * off, 5)
    bpy.data.objects.remove(empty)


def keyframe(addon, armature, names) -> None:
    """A pose that was keyed by hand, and where the hips were then."""
    clear(armature)
    bpy.context.scene.frame_set(KEYED)
    for part, turn in (
        ("left arm", (0.9, 0.2, 0.3, 0.1)),
        ("right thigh", (0.95, 0.3, 0, 0)),
        ("spine", (1, 0.1, 0, 0)),
    ):
        bone = armature.pose.bones[names[part]]
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = turn
        bone.rotation_quaternion.normalize()
        bone.keyframe_insert("rotation_quaternion", frame=KEYED)
    bpy.context.view_layer.update()
    keyed = {part: armature.pose.bones[names[part]].matrix_basis.to_quaternion() for part in POSE}
    hips = armature.matrix_world @ armature.pose.bones[names["hips"]].head
    generate(addon, armature, "a person stands still")
    bpy.context.scene.frame_set(KEYED)
    turns = [armature.pose.bones[names[part]].matrix_basis.to_quaternion() for part in POSE]
    angles = [turn.rotation_difference(before).angle for turn, before in zip(turns, keyed.values(), strict=True)]
    turn = max(min(angle, 2 * np.pi - angle) for angle in angles)
    check("bones beside the keyed pose, degrees", float(np.degrees(turn)), 0.5)
    gone = (armature.matrix_world @ armature.pose.bones[names["hips"]].head) - hips
    check("hips beside the keyed place, mm", 1000 * gone.length, 5)


def clear(armature: bpy.types.Object) -> None:
    """No action and no pose."""
    settings = bpy.context.scene.proscenium
    settings.source_action_name, settings.is_previewing = "", False
    armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
    bpy.context.view_layer.update()


PARTS = ("hips", "spine", "arm", "forearm", "hand", "thigh", "shin", "foot", "toe")
OURS = ("pelvis", "spine1", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
MIXAMO = ("Hips", "Spine", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")


def named(words: tuple[str, ...], pattern: str, sides: tuple[str, str]) -> dict[str, str]:
    """Part -> bone."""
    found = {}
    for part, word in zip(PARTS, words, strict=True):
        if part in ("hips", "spine"):
            found[part] = pattern.format(side="", word=word)
        else:
            for side, said in zip(("left", "right"), sides, strict=True):
                found[f"{side} {part}"] = pattern.format(side=said, word=word)
    return found


def main() -> int:
    """Both rigs, all four ways."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sys.path.insert(0, str(HOME / "scripts" / "addons"))
    import proscenium_blender as addon

    connect(addon)
    bpy.ops.proscenium.import_canonical_skeleton(with_body=False)
    ours = bpy.context.scene.proscenium.target_armature
    rigs = (
        ("the server's skeleton, imported", ours, named(OURS, "{side}{word}", ("left_", "right_"))),
        ("Mixamo, centimetres, y up", build_rig("Mixamo"), named(MIXAMO, "mixamorig:{side}{word}", ("Left", "Right"))),
    )
    for title, armature, names in rigs:
        print(f"{title}: {len(armature.pose.bones)} bones", flush=True)
        for step in (text, path, effector, keyframe):
            clear(armature)
            step(addon, armature, names)
    print("all as it should be" if not faults else f"over their bounds: {', '.join(faults)}")
    sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    os._exit(main())  # Blender as a module may crash when it ends with add-ons enabled
