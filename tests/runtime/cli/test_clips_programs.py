"""A library in the programs that play it: three.js under Node, and Blender; each installed in a place of its own.

GENMO_THREE_ENV=DIR (npm install three) and GENMO_BLENDER_ENV=DIR (python -m venv, pip install bpy "numpy<2")
pytest -m slow tests/runtime/cli/test_clips_programs.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import load_motion
from genmo.runtime.cli.clips import main
from genmo.runtime.motion.skeleton import JOINTS

SPEC = """
samples: 1
clips:
  idle: {text: a person stands, seconds: 1}
  walk: {text: a person walks, speed: 1.2, directions: [forward, left]}
transitions:
  - {from: idle, to: walk_left}
"""

THREE = """
import { readFileSync } from "node:fs";
globalThis.self = globalThis;
const { AnimationMixer, Vector3 } = await import("three");
const { GLTFLoader } = await import("three/examples/jsm/loaders/GLTFLoader.js");
const data = readFileSync(process.argv[2]);
const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
const gltf = await new Promise((done, fail) => new GLTFLoader().parse(bytes, "", done, fail));
const mixer = new AnimationMixer(gltf.scene);
const places = {};
for (const clip of gltf.animations) {
  const action = mixer.clipAction(clip);
  action.clampWhenFinished = true;
  action.setLoop(2200, 1).reset().play();
  places[clip.name] = [];
  for (let frame = 0; frame <= Math.round(30 * clip.duration); frame++) {
    action.time = Math.min(frame / 30, clip.duration);
    mixer.update(0);
    gltf.scene.updateMatrixWorld(true);
    const bones = {};
    gltf.scene.traverse((node) => {
      if (node.isBone) bones[node.name] = node.getWorldPosition(new Vector3()).toArray();
    });
    places[clip.name].push(bones);
  }
  action.stop();
}
process.stdout.write(JSON.stringify(places));
"""

BLENDER = """
import json, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1.0
bpy.ops.import_scene.gltf(filepath=sys.argv[1])
(armature,) = [entry for entry in bpy.data.objects if entry.type == "ARMATURE"]
places = {}
for action in bpy.data.actions:
    if armature.animation_data is None:
        armature.animation_data_create()
    for track in armature.animation_data.nla_tracks:
        track.mute = True
    armature.animation_data.action = action
    if hasattr(armature.animation_data, "action_slot") and action.slots:
        armature.animation_data.action_slot = action.slots[0]
    first, last = (round(edge) for edge in action.frame_range)
    rows = []
    for frame in range(first, last + 1):
        bpy.context.scene.frame_set(frame)
        rows.append({bone.name: list(armature.matrix_world @ bone.head) for bone in armature.pose.bones})
    places[action.name] = rows
print("PLACES " + json.dumps(places))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Of the engine that ships, or one made before: GENMO_CLIPS=DIR, with --each .npz."""
    if os.environ.get("GENMO_CLIPS"):
        return Path(os.environ["GENMO_CLIPS"])
    folder = tmp_path_factory.mktemp("programs")
    (folder / "spec.yaml").write_text(SPEC)
    assert main([str(folder / "spec.yaml"), "--out", str(folder / "library"), "--each", ".npz"]) == 0
    return folder / "library"


def compared(library, places, to_ours=lambda points: points):
    """The largest distance of a joint in any frame of any clip, metres."""
    clips = json.loads((library / "manifest.json").read_text())["clips"]
    assert {clip["name"] for clip in clips} == set(places)
    worst = 0.0
    for clip in clips:
        joints = load_motion(library / "clips" / f"{clip['name']}.npz").joints_world()
        rows = places[clip["name"]]
        assert len(rows) == clip["frames"]
        theirs = to_ours(np.array([[row[name] for name in JOINTS] for row in rows]))
        worst = max(worst, float(np.abs(theirs - joints).max()))
    return worst


@pytest.mark.slow
def test_three_plays_every_clip(library, tmp_path):
    folder = os.environ.get("GENMO_THREE_ENV")
    if not folder or not (Path(folder) / "node_modules" / "three").is_dir() or not shutil.which("node"):
        pytest.skip("set GENMO_THREE_ENV to a folder in which `npm install three` was run, and install Node")
    script = Path(folder) / f"genmo-{os.getpid()}.mjs"
    script.write_text(THREE)
    try:
        done = subprocess.run(
            ["node", script, library / "library.glb"], cwd=folder, capture_output=True, text=True, check=True
        )
    finally:
        script.unlink()
    worst = compared(library, json.loads(done.stdout))
    print(f"three.js: {1000 * worst:.4f} mm")
    assert worst < 1e-4


@pytest.mark.slow
def test_blender_imports_every_clip(library):
    folder = os.environ.get("GENMO_BLENDER_ENV")
    python = Path(folder or "") / "bin" / "python"
    if not folder or subprocess.run([python, "-c", "import bpy"], capture_output=True).returncode:
        pytest.skip("set GENMO_BLENDER_ENV to a virtual environment with bpy")
    done = subprocess.run([python, "-c", BLENDER, library / "library.glb"], capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("PLACES "))
    turned = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Blender has z up: its y is our -z
    worst = compared(library, json.loads(line.removeprefix("PLACES ")), lambda points: points @ turned.T)
    print(f"Blender: {1000 * worst:.4f} mm")
    assert worst < 1e-4
