# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's whole path in a real Blender, as a user goes it, on rigs of four tools.

    python -m venv bpy-env && bpy-env/bin/pip install bpy==5.0.1 "numpy<2"
    bpy-env/bin/python integrations/blender/tests/whole_path.py dist/genmo-0.1.0-linux-x64.zip --out build/blender

Installs the zip into a Blender of its own (an empty user folder), then on every rig: text, a drawn path, poses at
marked frames, keypoints, takes, stop, undo, bake.  Prints what it measures and ends with exit status 1 where one is
over its bound.  Blender 4.2 to 5.x, without a window; `blender -b -P whole_path.py -- ZIP` does the same.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[3]


def options() -> argparse.Namespace:
    """The command line; Blender's own arguments end at "--"."""
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("zip", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/blender"), help="folder for pictures and .blend")
    parser.add_argument("--video", type=Path, help="a video to make a motion of, with a zip that has its libraries")
    parser.add_argument("--rigs", help="some of them, with commas: Mixamo,UE5,SMPL,Rigify metarig,Rigify rig")
    parser.add_argument("--picture", action="store_true", help="render the take on the path")
    return parser.parse_args(own)


ASKED = options()
if "bpy" not in sys.modules:
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="genmo-blender-")

import bpy  # noqa: E402  # after the folder of its settings is known
import numpy as np  # noqa: E402
from mathutils import Euler, Matrix, Vector  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))  # which Blender's -P does not
from rigs import NAMES, build_rig  # noqa: E402

faults: list[str] = []


def check(said: str, value: float, bound: float) -> None:
    """Print a number and remember it where it is over its bound."""
    good = value <= bound
    print(f"  {'ok  ' if good else 'OVER'} {said}: {value:.4g} (at most {bound:g})", flush=True)
    if not good:
        faults.append(said)


def metarig() -> bpy.types.Object:
    """Rigify's human metarig, as the menu adds it."""
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    return bpy.context.object


def rigify_rig() -> bpy.types.Object:
    """What Rigify makes of the metarig: 700 bones, of which controls move the others."""
    metarig()
    bpy.ops.pose.rigify_generate()
    armature = next(one for one in bpy.data.objects if one.type == "ARMATURE" and "torso" in one.pose.bones)
    bpy.ops.object.mode_set(mode="OBJECT")
    for limb in ("upper_arm_parent.L", "upper_arm_parent.R", "thigh_parent.L", "thigh_parent.R"):
        armature.pose.bones[limb]["IK_FK"] = 1.0  # poses are set on the FK controls
    return armature


def choose(armature: bpy.types.Object) -> None:
    """Make an object the active one."""
    bpy.ops.object.select_all(action="DESELECT")
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature


def places(armature: bpy.types.Object, name: str, start: int, frames: int) -> np.ndarray:
    """Heads [frames, 3] of a bone in the scene's world."""
    found = []
    for frame in range(frames):
        bpy.context.scene.frame_set(start + frame)
        found.append(armature.matrix_world @ armature.pose.bones[name].head)
    return np.asarray(found)


def turned(armature: bpy.types.Object, start: int, frames: int) -> dict[str, np.ndarray]:
    """Bone -> the way its rest direction has turned in the scene's world [frames, 3]."""
    ways: dict[str, list] = {bone.name: [] for bone in armature.pose.bones}
    for frame in range(frames):
        bpy.context.scene.frame_set(start + frame)
        for bone in armature.pose.bones:
            ways[bone.name].append((armature.matrix_world.to_3x3() @ (bone.tail - bone.head)).normalized())
    return {name: np.asarray(way) for name, way in ways.items()}


def part_names(armature: bpy.types.Object) -> dict[str, str]:
    """Part of the body -> bone, as the panel "Bones" shows it."""
    bpy.ops.genmo.find_bones()
    return {one.name: one.bone for one in armature.genmo.bones}


def ask(armature: bpy.types.Object, **settings) -> float:
    """Set the panel, press Generate, and return the seconds it took."""
    choose(armature)
    for name, value in settings.items():
        setattr(armature.genmo, name, value)
    began = time.perf_counter()
    result = bpy.ops.genmo.generate()
    assert result == {"FINISHED"}, result
    return time.perf_counter() - began


def limbs_point_as(armature: bpy.types.Object, parts: dict[str, str], start: int, frames: int) -> float:
    """Median angle in degrees between the armature's arms and legs and those of genmo's own body."""
    from bl_ext.user_default.genmo.core import request as core
    from bl_ext.user_default.genmo.core.skeleton import character
    from bl_ext.user_default.genmo.scene import request_of

    asked = request_of(bpy.context, armature)
    asked = replace(asked, skeleton=core.controls.deforming(asked.skeleton))
    model = core.model_for(core.Setup())
    timeline = core._timeline(asked, character(asked.skeleton), None, [])
    motion = core.at_rate(model.follow(timeline, samples=asked.samples, tries=asked.tries).motions[0], asked.fps)
    joints = motion.joints_world()[:frames]
    frame = character(asked.skeleton).frame
    pairs = {
        "upper_leg": (1, 4, "lower_leg"),
        "lower_leg": (4, 7, "foot"),
        "upper_arm": (16, 18, "lower_arm"),
        "lower_arm": (18, 20, "hand"),
    }
    angles = []
    for limb, (first, second, end) in pairs.items():
        for side, shift in (("left", 0), ("right", 1)):
            ends = [places(armature, parts[f"{side}_{one}"], start, frames) for one in (limb, end)]
            way = (ends[1] - ends[0]) @ np.asarray(armature.matrix_world.to_3x3()) @ frame.T
            wanted = joints[:, second + shift] - joints[:, first + shift]
            cosine = (way * wanted).sum(axis=-1) / np.linalg.norm(way, axis=-1) / np.linalg.norm(wanted, axis=-1)
            angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return float(np.median(angles))


def text(armature: bpy.types.Object, parts: dict[str, str]) -> None:
    """A prompt: takes that differ, limbs that point as genmo's, feet on the floor, and undo."""
    scene = bpy.context.scene
    seconds = ask(armature, prompt="a person walks forward", start=1, frames=96, samples=3, seed=4, source="TEXT")
    print(f"  three takes of {96 / 24:.0f} s in {seconds:.1f} s")
    genmo = armature.genmo
    assert len(genmo.takes) == 3 and armature.animation_data.action == genmo.takes[0].action
    ways = []
    for index in range(3):
        genmo.take_index = index
        assert armature.animation_data.action == genmo.takes[index].action
        ways.append(places(armature, parts["hips"], 1, 96))
    check("takes that are alike", float(np.linalg.norm(ways[0] - ways[1], axis=-1).max() < 0.02), 0)
    genmo.take_index = 0
    check("limbs against genmo's body, median degrees", limbs_point_as(armature, parts, 1, 96), 1.0)
    feet = np.stack([places(armature, parts[f"{side}_toes"], 1, 96)[:, 2] for side in ("left", "right")])
    rest = (armature.matrix_world @ armature.data.bones[parts["left_toes"]].head_local).z
    check("lowest toe under where it rests, mm", 1000 * (rest - feet.min()), 30)
    check("lower toe over where it rests, median mm", 1000 * abs(float(np.median(feet.min(axis=0))) - rest), 30)
    scene.frame_set(1)


def path(armature: bpy.types.Object, parts: dict[str, str]) -> None:
    """A curve drawn on the ground: the hips follow it."""
    choose(armature)
    bpy.ops.genmo.add_path(metres=4.0)
    line = armature.genmo.path
    points = line.data.splines[0].bezier_points
    points.add(1)
    inward = line.matrix_world.inverted()
    points[1].co, points[2].co = inward @ Vector((1.2, -1.6, 0)), inward @ Vector((0.2, -3.4, 0))
    for point in points:
        point.handle_left_type = point.handle_right_type = "AUTO"
    bpy.context.view_layer.update()
    seconds = ask(armature, prompt="a person walks forward", frames=120, samples=2)
    print(f"  a path in {seconds:.1f} s: {armature.genmo.chosen.notes}")
    hips = sum(places(armature, parts[f"{side}_upper_leg"], 1, 120) for side in ("left", "right")) / 2
    from bl_ext.user_default.genmo.scene import path_points

    drawn = path_points(bpy.context, line, armature) @ np.asarray(armature.matrix_world.to_3x3()).T
    away = np.linalg.norm(hips[:, None, :2] - dense(drawn)[None, :, :2], axis=-1).min(axis=1)
    check("hips beside the curve, mm at most", 1000 * away.max(), 60)
    check("hips from its end, mm", 1000 * float(np.linalg.norm(hips[-1, :2] - drawn[-1, :2])), 60)


def dense(points: np.ndarray) -> np.ndarray:
    """Many points along a line."""
    at = np.linspace(0, len(points) - 1, 2000)
    return np.stack([np.interp(at, np.arange(len(points)), points[:, column]) for column in range(3)], axis=-1)


def poses(armature: bpy.types.Object, parts: dict[str, str]) -> None:
    """Poses that the user has set and marked: met, and the way there is no jump."""
    scene, genmo = bpy.context.scene, armature.genmo
    bpy.ops.genmo.drop_takes()
    genmo.path = None
    action = bpy.data.actions.new("blocking")
    from bl_ext.user_default.genmo import actions

    actions.assign(armature, action)
    bones = armature.pose.bones
    controlled = "torso" in bones
    arm = bones["upper_arm_fk.L" if controlled else parts["left_upper_arm"]]
    hips = bones["torso" if controlled else parts["hips"]]
    seen = [bones[name] for name in parts.values() if name] if controlled else list(bones)
    for bone in (arm, hips):
        bone.rotation_mode = "XYZ" if bone is arm else "QUATERNION"
    wanted = {}
    rest = (armature.matrix_world @ hips.bone.matrix_local).to_3x3()
    forward = rest.inverted() @ Vector((0, -1, 0))  # a metre of the scene
    for frame, turn, step in ((1, 0.0, 0.0), (60, 1.0, 1.5), (110, -0.6, 2.6)):
        arm.rotation_euler = Euler((turn, 0.3 * turn, 0))
        hips.location = forward * step
        for bone, name in ((arm, "rotation_euler"), (hips, "location")):
            bone.keyframe_insert(name, frame=frame)
        scene.frame_set(frame)
        bpy.ops.genmo.mark_pose()
        wanted[frame] = {one.name: Matrix(one.matrix) for one in seen}
    ask(armature, prompt="a person walks forward", frames=120, samples=1, use_poses=True)
    worst, angle = 0.0, 0.0
    for frame, matrices in wanted.items():
        scene.frame_set(frame)
        for one in seen:
            away = armature.matrix_world.to_3x3() @ (one.matrix.translation - matrices[one.name].translation)
            worst = max(worst, away.length)
            turn = one.matrix.to_quaternion().rotation_difference(matrices[one.name].to_quaternion()).angle
            angle = max(angle, min(turn, 2 * math.pi - turn))
    check("joints from the marked poses, mm at most", 1000 * worst, 10 if controlled else 1)
    check("bones from the marked poses, degrees at most", math.degrees(angle), 2 if controlled else 0.1)
    hands = places(armature, parts["left_hand"], 1, 120)
    check("fastest hand, mm a frame", 1000 * float(np.linalg.norm(np.diff(hands, axis=0), axis=-1).max()), 250)
    assert arm.rotation_mode == "XYZ"
    # the poses are read from what was there before the takes, so the same again is the same
    ask(armature)
    check(
        "the same request again, mm",
        1000 * float(np.abs(places(armature, parts["left_hand"], 1, 120) - hands).max()),
        0.01,
    )
    bpy.ops.genmo.drop_takes()
    assert armature.animation_data.action == action
    bpy.ops.genmo.unmark_poses()


def keypoints(armature: bpy.types.Object, parts: dict[str, str]) -> None:
    """A file of keypoints."""
    file = ROOT / "examples" / "runner_keypoints.npz"
    seconds = ask(armature, source="KEYPOINTS", keypoints=str(file), frames=0, samples=1, prompt="")
    count = int(armature.genmo.chosen.action.frame_range[1])
    print(f"  {count} frames of keypoints in {seconds:.1f} s")
    knees = places(armature, parts["left_lower_leg"], 1, count)
    moved = places(armature, parts["hips"], 1, count)
    check(
        "hips at the start, m from rest", float(np.linalg.norm((moved[0] - armature.matrix_world.translation)[:2])), 0.1
    )
    assert np.ptp(knees[:, 2]) > 0.05, "the runner's knees do not move"
    armature.genmo.source = "TEXT"


def video(armature: bpy.types.Object, parts: dict[str, str]) -> None:
    """A video, where the zip has what reads it."""
    seconds = ask(armature, source="VIDEO", video=str(ASKED.video.resolve()), frames=0, samples=1, prompt="")
    count = int(armature.genmo.chosen.action.frame_range[1])
    print(f"  {count} frames of {ASKED.video.name} in {seconds:.1f} s")
    assert np.ptp(places(armature, parts["left_hand"], 1, count), axis=0).max() > 0.05, "the person does not move"
    armature.genmo.source = "TEXT"


class Manager:
    """A window manager without a window: it hands out timers, and remembers what progress it was told."""

    def __init__(self) -> None:
        self.timers, self.progress, self.handlers = 0, [], []

    def event_timer_add(self, seconds: float, window: object) -> str:
        """One timer more."""
        self.timers += 1
        return "timer"

    def event_timer_remove(self, timer: str) -> None:
        """One less."""
        self.timers -= 1

    def modal_handler_add(self, operator: object) -> None:
        """Who gets the events."""
        self.handlers.append(operator)

    def progress_begin(self, low: float, high: float) -> None:
        """The cursor shows a number."""

    def progress_update(self, value: float) -> None:
        """That number."""
        self.progress.append(value)

    def progress_end(self) -> None:
        """The cursor is itself again."""


class Windowed:
    """Blender's context with `Manager` in it: without a window Blender calls no modal operator itself."""

    def __init__(self) -> None:
        self.window_manager = Manager()

    def __getattr__(self, name: str) -> object:
        return getattr(bpy.context, name)


def pressed(armature: bpy.types.Object, stop_at: float = 2.0) -> tuple[set[str], Manager, list[str]]:
    """Press Generate and let the timer ring until it ends; Esc is pressed once that share of the work is done."""
    from bl_ext.user_default.genmo import operators

    said: list[str] = []
    button = operators.GENMO_OT_generate
    names = ("invoke", "modal", "_begin", "_finish", "_place", "_end")
    own = type("Button", (), {name: button.__dict__[name] for name in names})()
    own.report = lambda kind, text: said.append(text)
    choose(armature)
    context = Windowed()
    assert own.invoke(context, None) == {"RUNNING_MODAL"} and context.window_manager.timers == 1
    assert not bpy.ops.genmo.generate.poll(), "one at a time"
    result = {"PASS_THROUGH"}
    while result == {"PASS_THROUGH"}:
        time.sleep(0.02)
        if operators.jobs[armature.name].share > stop_at:
            own.modal(context, SimpleNamespace(type="ESC", value="PRESS"))
        result = own.modal(context, SimpleNamespace(type="TIMER", value="NOTHING"))
    assert context.window_manager.timers == 0 and armature.name not in operators.jobs
    return result, context.window_manager, said


def stop(armature: bpy.types.Object) -> None:
    """Esc in the middle: the thread ends, nothing of the scene has changed; then the same to its end."""
    genmo = armature.genmo
    genmo.frames, genmo.steps, genmo.samples, genmo.prompt = 240, 60, 1, "a person walks"
    before = {action.name for action in bpy.data.actions}
    began = time.perf_counter()
    result, manager, said = pressed(armature, stop_at=0.02)
    took = time.perf_counter() - began
    assert result == {"CANCELLED"} and before == {action.name for action in bpy.data.actions}, said
    print(f"  Esc: stopped at {max(manager.progress):.0f} %, {took:.1f} s after Generate: {said}")
    genmo.steps, genmo.frames = 0, 48
    result, manager, said = pressed(armature)
    assert result == {"FINISHED"} and armature.animation_data.action == genmo.takes[0].action
    print(f"  with a timer: {len(manager.progress)} looks at the thread, {said}")


def undo_and_bake(armature: bpy.types.Object) -> None:
    """Undo takes the motion away; bake keeps one action and drops the rest."""
    name = armature.name
    armature.genmo.frames, armature.genmo.samples = 48, 2
    bpy.ops.ed.undo_push(message="before genmo")
    count = len(bpy.data.actions)
    ask(armature)
    bpy.ops.ed.undo_push(message="Generate")  # an operator called from a script pushes none; a click does
    assert len(bpy.data.actions) > count
    bpy.ops.ed.undo()
    armature = bpy.data.objects[name]
    check("actions that are left after undo", len(bpy.data.actions) - count, 0)
    ask(armature)
    armature.genmo.take_index = 1
    kept = armature.genmo.takes[1].action.name
    bpy.ops.genmo.bake(name=f"{name} walk")
    assert kept not in bpy.data.actions and not armature.genmo.takes
    assert (
        armature.animation_data.action == bpy.data.actions[f"{name} walk"]
        and bpy.data.actions[f"{name} walk"].use_fake_user
    )


class Layout:
    """A layout that draws nothing and knows what Blender knows: properties, operators, icons."""

    ICONS = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def row(self, **how: object) -> "Layout":
        """The same again."""
        return self

    def prop(self, data: object, name: str, icon: str = "NONE", **how: object) -> None:
        """A property that is there."""
        assert hasattr(data, name) and icon in self.ICONS, name
        self.drawn.append(name)

    def prop_search(self, data: object, name: str, where: object, names: str, **how: object) -> None:
        """A property that is one of a list."""
        assert hasattr(data, name) and hasattr(where, names), name

    def operator(self, name: str, icon: str = "NONE", **how: object) -> SimpleNamespace:
        """A button."""
        module, called = name.split(".")
        assert hasattr(getattr(bpy.ops, module), called) and icon in self.ICONS, name
        self.drawn.append(name)
        return SimpleNamespace()

    def label(self, text: str = "", icon: str = "NONE") -> None:
        """A line."""
        assert icon in self.ICONS, icon

    def template_list(
        self, kind: str, name: str, data: object, items: str, owner: object, index: str, rows: int
    ) -> None:
        """A list."""
        assert hasattr(bpy.types, kind) and hasattr(data, items) and hasattr(owner, index), kind


def panels(armature: bpy.types.Object) -> None:
    """Every panel draws, with a take and with each source, and names nothing that is not there."""
    from bl_ext.user_default.genmo import panels as drawn

    choose(armature)
    for source in ("TEXT", "KEYPOINTS", "VIDEO"):
        armature.genmo.source = source
        layout = Layout()
        for one in [each for each in drawn._CLASSES if issubclass(each, bpy.types.Panel)]:
            assert one.poll(bpy.context)
            panel = SimpleNamespace(layout=layout, _run=lambda *given, one=one: one._run(None, *given))
            one.draw(panel, bpy.context)
        assert {"prompt", "genmo.generate", "genmo.bake", "path", "genmo.mark_pose"} <= set(layout.drawn)
    armature.genmo.source = "TEXT"


def mistakes(armature: bpy.types.Object) -> None:
    """What cannot be is said in one line, and the scene is as it was."""
    choose(armature)
    genmo = armature.genmo
    wrong = (
        {"use_poses": True},
        {"source": "KEYPOINTS", "keypoints": "", "use_poses": False},
        {"keypoints": str(ROOT / "README.md")},
    )
    for settings in wrong:
        for key, value in settings.items():
            setattr(genmo, key, value)
        try:
            bpy.ops.genmo.generate()
        except RuntimeError as error:  # a report of an error reaches a script so
            print(f"  said: {str(error).strip().splitlines()[0][:150]}")
            continue
        faults.append(f"{settings} was taken")
    genmo.source, genmo.use_poses = "TEXT", False


def mannequin() -> bpy.types.Object:
    """genmo's own body with its mesh, as a user imports a .glb."""
    from genmo.runtime import MotionModel, save_motion

    file = Path(tempfile.mkdtemp()) / "body.glb"
    save_motion(file, MotionModel.load().generate("a person stands", frames=2, steps=1)[0])
    bpy.ops.import_scene.gltf(filepath=str(file))
    armature = next(one for one in bpy.data.objects if one.type == "ARMATURE")
    armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis = Matrix()
    bpy.context.view_layer.update()
    return armature


STROBE = range(1, 122, 24)


def picture(out: Path) -> None:
    """A take on a path as an animator sees it, several frames at once, with the curve."""
    for one in list(bpy.data.objects):
        bpy.data.objects.remove(one)
    armature = mannequin()
    choose(armature)
    parts = part_names(armature)
    path(armature, parts)
    line, scene = armature.genmo.path, bpy.context.scene
    line.data.bevel_depth = 0.012
    line.data.materials.append(paint("line", (0.9, 0.25, 0.05)))
    meshes = [one for one in bpy.data.objects if one.type == "MESH" and one.find_armature() == armature]
    for step, frame in enumerate(STROBE):
        scene.frame_set(frame)
        look = bpy.context.evaluated_depsgraph_get()
        share = step / (len(STROBE) - 1)
        colour = paint(f"body {step}", (0.55 - 0.45 * share, 0.58 - 0.3 * share, 0.62))
        for mesh in meshes:
            frozen = bpy.data.meshes.new_from_object(mesh.evaluated_get(look))
            frozen.materials.clear()
            frozen.materials.append(colour)
            shown = bpy.data.objects.new(f"{mesh.name} {frame}", frozen)
            shown.matrix_world = mesh.matrix_world
            bpy.context.collection.objects.link(shown)
    for mesh in meshes:
        mesh.hide_render = True
    render(out)


def paint(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """A matt colour."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 0.7
    return material


def render(out: Path) -> None:
    """One frame with Cycles on the processor, which needs no window."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=60)
    bpy.context.object.data.materials.append(paint("ground", (0.42, 0.43, 0.44)))
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.2, 0.5))
    bpy.context.object.data.energy, bpy.context.object.data.angle = 3.0, 0.05
    bpy.ops.object.camera_add(location=(6.2, -5.6, 2.6))
    camera = bpy.context.object
    camera.rotation_euler = (Vector((0.35, -1.6, 0.75)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens = 42
    scene.camera = camera
    scene.world = scene.world or bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.75, 0.8, 0.85, 1.0)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 12, False, "CPU"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 880, 440, 100
    scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 88
    scene.render.filepath = str(out.resolve() / "blender-path.jpg")
    bpy.ops.render.render(write_still=True)
    print(f"  {scene.render.filepath}")


def install(zipped: Path) -> None:
    """As Preferences, Get Extensions, Install from Disk."""
    done = bpy.ops.extensions.package_install_files(
        filepath=str(zipped.resolve()), repo="user_default", enable_on_install=True
    )
    assert done == {"FINISHED"} and hasattr(bpy.types.Object, "genmo"), "the extension is not there"
    import genmo.runtime

    assert str(ROOT) not in genmo.runtime.__file__, "genmo comes from the checkout and not from the zip"
    import genmo.runtime.support.native as native

    print(f"Blender {bpy.app.version_string}, numpy {np.__version__}, {native.description()}")


def main() -> int:
    """Everything, on every rig."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    install(ASKED.zip)
    bpy.context.scene.render.fps = 24
    chosen = ASKED.rigs.split(",") if ASKED.rigs else []
    makers = {
        **{tool: lambda tool=tool: build_rig(tool) for tool in NAMES},
        "Rigify metarig": metarig,
        "Rigify rig": rigify_rig,
    }
    for tool, maker in makers.items():
        if chosen and tool not in chosen:
            continue
        print(tool, flush=True)
        armature = maker()
        choose(armature)
        parts = part_names(armature)
        text(armature, parts)
        path(armature, parts)
        panels(armature)
        poses(armature, parts)
        if tool == "Mixamo":
            keypoints(armature, parts)
            if ASKED.video:
                video(armature, parts)
            stop(armature)
            mistakes(armature)
            undo_and_bake(armature)
    if ASKED.picture:
        picture(ASKED.out)
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.genmo")
    assert not hasattr(bpy.types.Object, "genmo")
    print("FAILED: " + "; ".join(faults) if faults else "all of it works")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
