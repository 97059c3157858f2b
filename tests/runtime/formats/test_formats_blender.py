"""The real importer: Blender reads .bvh, .glb, .usd and .fbx, and its bones are compared with the motion's joints.

`bpy` (GPL, numpy < 2) never enters the test environment: it is installed into a virtual environment of its
own, in the folder that GENMO_BLENDER_ENV names (kept) or in a temporary one.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import MotionModel
from genmo.runtime.formats import save_motion
from genmo.runtime.motion.skeleton import JOINTS, rest_joints
from genmo.runtime.retarget import read_character, retarget, save_performance

TOLERANCE = 1e-6  # metres: a thousandth of a millimetre

SCRIPT = r"""
import json, sys
import bpy

kind, path, frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1.0
if kind == "bvh":
    # Blender's own axes are z up: the axes are the importer's defaults for a y-up file.  Quaternions lose less than
    # Euler angles in single precision.
    bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, axis_forward="-Z", axis_up="Y", rotate_mode="QUATERNION")
elif kind == "usd":
    bpy.ops.wm.usd_import(filepath=path)
elif kind == "fbx":
    bpy.ops.import_scene.fbx(filepath=path, automatic_bone_orientation=False)
else:
    bpy.ops.import_scene.gltf(filepath=path)
(armature,) = [entry for entry in bpy.data.objects if entry.type == "ARMATURE"]
place = armature.matrix_world
rest = {bone.name: list(place @ bone.head_local) for bone in armature.data.bones}
start = 0 if kind in ("glb", "usd") else 1
played = []
for frame in range(frames):
    bpy.context.scene.frame_set(start + frame)
    played.append({bone.name: list(armature.matrix_world @ bone.head) for bone in armature.pose.bones})
meshes = [entry for entry in bpy.data.objects if entry.type == "MESH" and entry.find_armature() is armature]
vertices = 0
if meshes:
    vertices = len(meshes[0].data.vertices)
print("RESULT" + json.dumps({"rest": rest, "played": played, "vertices": vertices}))
"""


@pytest.fixture(scope="module")
def blender_python(tmp_path_factory):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("bpy 5.0 has wheels for Python 3.11 only")
    folder = Path(os.environ.get("GENMO_BLENDER_ENV") or tmp_path_factory.mktemp("blender"))
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import bpy"], capture_output=True).returncode:
        install = [python, "-m", "pip", "install", "--quiet", "bpy", "numpy<2"]
        done = subprocess.run(install, capture_output=True, text=True)
        loads = subprocess.run([python, "-c", "import bpy"], capture_output=True, text=True)
        if done.returncode or loads.returncode:
            reason = (done.stderr + loads.stderr).strip().splitlines()
            pytest.skip(f"bpy cannot be installed here: {reason[-1] if reason else 'no reason given'}")
    return python


def look(python, tmp_path, kind, path, frames):
    """What Blender makes of a file."""
    script = tmp_path / "look.py"
    script.write_text(SCRIPT)
    done = subprocess.run([python, script, kind, path, str(frames)], capture_output=True, text=True, timeout=600)
    answer = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert answer, done.stdout + done.stderr
    return json.loads(answer[-1].removeprefix("RESULT"))


def y_up(points, names):
    """Blender (x, -z, y) -> ours."""
    positions = np.asarray([points[name] for name in names])
    return np.stack([positions[:, 0], positions[:, 2], -positions[:, 1]], axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bvh", "glb", "usd"])
def test_blender_shows_the_same_joints(blender_python, tmp_path, motion, kind):
    if kind == "usd":
        pytest.importorskip("pxr", reason="pip install usd-core")
    path = tmp_path / f"motion.{kind}"
    save_motion(path, motion)
    loaded = look(blender_python, tmp_path, kind, path, motion.frames)
    played = np.stack([y_up(points, JOINTS) for points in loaded["played"]])
    error = np.linalg.norm(played - motion.joints_world(), axis=-1)
    print(f"{kind}: joint error in Blender, mean {1e3 * error.mean():.1e} mm, largest {1e3 * error.max():.1e} mm")
    assert error.mean() < TOLERANCE
    # single precision: random rotations cost BVH, whose axes Blender changes, a little more
    assert error.max() < (2 * TOLERANCE if kind == "bvh" else TOLERANCE)
    rest = y_up(loaded["rest"], JOINTS)
    assert np.abs(rest - rest[0] - rest_joints(motion.rest_offsets)).max() < TOLERANCE
    travelled = np.linalg.norm(played[-1, 0] - played[0, 0])
    assert travelled == pytest.approx(np.linalg.norm(motion.translation[-1] - motion.translation[0]), abs=1e-5)
    assert travelled > 1
    assert (loaded["vertices"] > 1000) == (kind != "bvh")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bvh", "glb"])
@pytest.mark.parametrize("prompt", ["a person dances salsa", "a person is boxing"])
def test_blender_shows_what_the_engine_made(blender_python, tmp_path, kind, prompt):
    """Within two metres of the origin: further out a single-precision coordinate is too coarse for a micrometre."""
    motion = MotionModel.load(threads=1).generate(prompt, 100, seed=2)[0]
    joints = motion.joints_world()
    assert np.abs(joints).max() < 2
    path = tmp_path / f"motion.{kind}"
    save_motion(path, motion)
    loaded = look(blender_python, tmp_path, kind, path, motion.frames)
    error = np.linalg.norm(np.stack([y_up(points, JOINTS) for points in loaded["played"]]) - joints, axis=-1)
    print(f"{prompt}, {kind}: mean {1e3 * error.mean():.1e} mm, largest {1e3 * error.max():.1e} mm")
    assert error.max() < TOLERANCE


@pytest.fixture(scope="module")
def hero(tmp_path_factory, motion):
    """A UE5-named character in a folder of its own, and what it is to play."""
    spec = importlib.util.spec_from_file_location("rigs", Path(__file__).parents[1] / "retarget" / "conftest.py")
    rigs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rigs)
    path = tmp_path_factory.mktemp("hero") / "hero.glb"
    path.write_bytes(rigs.ue5().bytes())
    return retarget(motion, read_character(path))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bvh", "glb", "usd", "fbx"])
def test_blender_shows_the_same_character(blender_python, tmp_path, hero, kind):
    if kind == "usd":
        pytest.importorskip("pxr", reason="pip install usd-core")
    path = tmp_path / f"walk.{'glb' if kind == 'fbx' else kind}"
    save_performance(path, hero)
    if kind == "fbx":
        page = (Path(__file__).parents[3] / "docs" / "characters.md").read_text()
        line = re.search(r'--python-expr "(.*)"', page)[1]
        done = subprocess.run([blender_python, "-c", line], capture_output=True, text=True, timeout=600, cwd=tmp_path)
        path = tmp_path / "walk.fbx"
        assert path.exists(), done.stdout + done.stderr
    loaded = look(blender_python, tmp_path, kind, path, hero.frames)
    rig = hero.character.rig
    nodes = [node for node in rig.bones if rig.names[node] in loaded["rest"]]
    assert len(nodes) >= 30
    played = np.stack([y_up(points, [rig.names[node] for node in nodes]) for points in loaded["played"]])
    error = np.linalg.norm(played - hero.world()[1][:, nodes], axis=-1)
    print(f"{kind}: joint error in Blender, mean {1e3 * error.mean():.1e} mm, largest {1e3 * error.max():.1e} mm")
    assert error.max() < 1e-3
