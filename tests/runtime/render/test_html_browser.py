"""The player in headless Chromium: it draws the body where it is, obeys its keys, and asks the network for nothing."""

import base64
import functools
import io
import json
import re
import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from genmo.runtime.conditions.provenance import NO_SOURCES, MotionSources, View
from genmo.runtime.conditions.spans import Text
from genmo.runtime.formats import to_bvh, to_glb, to_html
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS, coco_keypoints
from genmo.runtime.render.html import compare_html, file_payload
from genmo.runtime.render.html import page as html_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt install chromium)")]
SIZE = (1280, 800)


def chromium(tmp_path, page, *options, script=""):
    """Run a page; `script` is appended to it.  What Chromium printed."""
    path = tmp_path / "page.html"
    path.write_bytes(page.replace(b"</body>", f"<script>{script}</script></body>".encode()))
    address = path.as_uri() + next((option for option in options if option.startswith("#")), "")
    flags = [option for option in options if not option.startswith("#")]
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader", "--hide-scrollbars", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}",
         f"--window-size={SIZE[0]},{SIZE[1]}", "--virtual-time-budget=4000", *flags, address],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert not re.search(r"CONSOLE.*(Uncaught|Error|failed)", done.stderr), done.stderr
    return done.stdout


def picture(tmp_path, page, address="#frame=10", script=""):
    """[height, width, 3] what the page looks like."""
    image = pytest.importorskip("PIL.Image")
    shot = tmp_path / "shot.png"
    chromium(tmp_path, page, address, f"--screenshot={shot}", script=script)
    return np.asarray(image.open(io.BytesIO(shot.read_bytes())).convert("RGB"), int)


def said(tmp_path, page, script, *options):
    """The JSON that `script` gives to `tell`."""
    tell = "function tell(v) { document.body.dataset.told = btoa(unescape(encodeURIComponent(JSON.stringify(v)))); }"
    out = chromium(tmp_path, page, *(options or ["#frame=10"]), "--dump-dom", script=tell + script)

    return json.loads(base64.b64decode(re.search(r'data-told="([^"]*)"', out)[1]))


@pytest.fixture(scope="module")
def walker():
    """30 frames of somebody who stands, swings the arms and drifts; a camera in front."""
    frames = 30
    turns = np.zeros((frames, 24, 3))
    turns[:, 16, 2], turns[:, 17, 2] = -1.1, 1.1
    turns[:, 18, 1] = np.linspace(0, -1.2, frames)
    path = np.stack([np.linspace(0, 0.4, frames), np.full(frames, 0.93), np.zeros(frames)], axis=-1)
    motion = Motion(matrix_from_axis_angle(turns), path, contacts=np.tile([1.0, 1, 1, 1, 0, 0], (frames, 1)))
    pose = Camera(np.tile(np.diag([1.0, -1, -1]), (frames, 1, 1)), np.tile([0.2, 1.1, 4], (frames, 1)))
    return replace(motion, camera=pose)


@pytest.fixture(scope="module")
def given(walker):
    """Keypoints that are exactly those of the motion, and some of everything else."""
    lens = np.array([[900.0, 0, 480], [0, 900, 270], [0, 0, 1]])
    rotations, joints = walker.kinematics()
    points_camera = walker.camera.to_camera(coco_keypoints(rotations, joints))
    points = np.concatenate(
        [points_camera[..., :2] / points_camera[..., 2:] * 900 + [480, 270], np.ones((*points_camera.shape[:2], 1))],
        axis=-1,
    )
    return MotionSources(
                 (Text("stand & drift", 0, 20), Text("then", 12, 30)), (View(0, points, lens),), (("music", 4, 30),),
                 np.array([6, 14, 22]), np.array([25]))  # fmt: skip


def test_the_body_is_drawn_where_the_page_projects_it(tmp_path, walker, given):
    plain = picture(tmp_path, to_html(walker, "a title", sources=given), "#frame=10&light")
    places = said(
        tmp_path,
        to_html(walker, "a title", sources=given),
        "setTimeout(() => { const c = cameraOf(panes()[0]); tell(people[0].placed.map((p) => project(c, p))); }, 800);",
    )
    orange = (plain[..., 0] > plain[..., 2] + 25) & (plain[..., 0] > 90)
    assert plain.std() > 10
    for joint in (0, 3, 4, 5, 9, 12):  # inside the body from the front
        x, y, _ = places[joint]
        assert orange[round(y), round(x)], joint
    assert orange[: SIZE[1] // 2, : SIZE[0] // 4].mean() < 0.01


def test_keypoints_lie_on_the_motion_in_the_camera_view(tmp_path, walker, given):
    script = """setTimeout(() => { const c = cameraOf(panes()[0]), v = people[0].given.views[0];
      const f = 10, [x, y] = c.picture;
      const key = (k) => [x + c.scale * v.points[3 * (17 * f + k)], y + c.scale * v.points[3 * (17 * f + k) + 1]];
      tell([[5, 16], [9, 20], [13, 4], [16, 8]].map(([k, j]) => [key(k), project(c, people[0].placed[j])])); }, 800);"""
    for key, joint in said(tmp_path, to_html(walker, sources=given), script, "#frame=10&film"):
        assert np.hypot(key[0] - joint[0], key[1] - joint[1]) < 0.5  # pixels
    with_keys = picture(tmp_path, to_html(walker, sources=given), "#frame=10&film&light")
    green = (with_keys[..., 1] > with_keys[..., 0] + 60) & (with_keys[..., 1] > 90)
    assert 300 < green[:550].sum() < 20000


def test_the_keyboard_drives_it(tmp_path, walker, given):
    script = """
    const press = (key, shiftKey = false) => dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
    const helped = () => document.getElementById("keys").open, at = () => Math.round(state.time), log = {};
    setTimeout(() => {
      press("ArrowRight"); log.right = at(); press("ArrowRight", true); log.ten = at();
      press("ArrowLeft"); log.left = at();
      press("Home"); log.home = at(); press("End"); log.end = at();
      press("p"); log.before = at(); press("Home"); press("n"); log.next = at();
      for (const key of "lfcsbvkt") press(key);
      const toggles = ["loop", "follow", "contacts", "skeleton", "body", "film", "keypoints", "timeline"];
      log.toggled = toggles.map((name) => state[name]);
      press("]"); log.faster = state.speed;
      const turned = view.azimuth; press("e"); log.turned = view.azimuth - turned;
      press("+"); log.near = view.zoom; press("Q", true); log.moved = Math.hypot(...view.pan);
      press("r"); log.reset = [view.zoom, Math.hypot(...view.pan)]; press("4"); log.above = view.elevation;
      press("d"); log.dark = isDark(); press("?"); log.help = helped(); press("h"); log.closed = helped();
      press("Home"); press(" "); log.playing = state.playing; tell(log);
    }, 500);"""
    log = said(tmp_path, to_html(walker, sources=given), script, "#frame=10&light")
    assert (log["right"], log["ten"], log["left"], log["home"], log["end"]) == (11, 21, 20, 0, 29)
    assert (log["before"], log["next"]) == (25, 4)
    assert log["toggled"] == [False, False, False, True, False, True, False, False]
    assert log["faster"] == 2
    assert log["turned"] < -0.1
    assert log["near"] < 0.95
    assert log["moved"] > 0.05
    assert log["reset"] == [1, 0]
    assert log["above"] > 1.4
    assert log["dark"]
    assert log["help"]
    assert not log["closed"]
    assert log["playing"]


def test_two_motions_side_by_side_and_over_one_another(tmp_path, walker):
    page = compare_html([("one", walker, NO_SOURCES), ("two", replace(walker, fps=60.0), NO_SOURCES)], "both")
    side_by_side = picture(tmp_path, page, "#frame=10&light")

    def blue(part):
        return ((part[..., 2] > part[..., 0] + 40) & (part[..., 2] > 90)).sum()

    free = side_by_side[80:560]
    assert blue(free[:, 640:]) > 3000
    assert blue(free[:, :640]) < 200
    script = """setTimeout(() => { const one = panes().length; state.together = true;
      tell([one, panes().length, panes()[0].who.length, frames, frameOf(people[1], 10)]); }, 500);"""
    assert said(tmp_path, page, script) == [2, 1, 2, 30, 20]


@pytest.mark.parametrize("kind", ["bvh", "glb"])
def test_a_file_in_the_page_is_played(tmp_path, walker, kind):
    """Joints are where the motion's are; a file that cannot be read is said over a standing body."""
    data = {"bvh": to_bvh, "glb": to_glb}[kind](walker)
    script = """setTimeout(() => { const p = people[0]; posePerson(p, 10);
      tell({ frames, joints: p.joints, placed: p.placed.map((at) => [...at]), note: $("note").textContent });
      }, 500);"""
    seen = said(tmp_path, html_page([file_payload(f"walk.{kind}", data)], "walk"), script)
    order = [seen["joints"].index(name) for name in JOINTS]
    assert seen["frames"] == 30 and not seen["note"]
    assert np.abs(np.array(seen["placed"])[order] - walker.joints_world()[10]).max() < 1e-3
    broken = said(tmp_path, html_page([file_payload(f"walk.{kind}", data[:300])], "walk"), script)
    assert broken["frames"] == 1 and f"walk.{kind}: " in broken["note"]


@pytest.mark.parametrize("address", ["#frame=10&dark", "#frame=10&light", "#frame=10&2d&light"])
def test_floor_and_body_stand_out_in_every_light(tmp_path, walker, address):
    shown = picture(tmp_path, to_html(walker), address)
    assert (shown[:100].mean() < 60) == ("dark" in address)
    assert shown[300:640].std() > 8


def test_nothing_is_asked_of_the_network(tmp_path, walker, given):
    page = to_html(walker, sources=given)
    script = "setTimeout(() => tell(performance.getEntriesByType('resource').length), 800);"
    assert said(tmp_path, page, script) == 0


def test_raised_arms_and_jumps_are_in_the_first_view_under_the_title(tmp_path, walker):
    """At every frame, on a phone's and a desk's window: all joints are between the caption and the bar."""
    turns = np.zeros((40, 24, 3))
    turns[10:30, 16, 2], turns[10:30, 17, 2] = 1.5, -1.5
    path = np.tile([0.0, 0.93, 0.0], (40, 1))
    path[15:25, 1] = 1.6
    script = """setTimeout(() => { const c = cameraOf(panes()[0]), p = people[0], all = [];
      for (let f = 0; f < p.frames; f++) { posePerson(p, f); for (const at of p.placed) all.push(project(c, at)); }
      const box = (name) => $(name).getBoundingClientRect(), tools = [...document.querySelectorAll("#tools button")];
      const shown = tools.filter((b) => b.offsetParent);
      tell({ left: Math.min(...all.map((p) => p[0])), right: Math.max(...all.map((p) => p[0])),
        top: Math.min(...all.map((p) => p[1])), low: Math.max(...all.map((p) => p[1])), caption: box("caption").bottom,
        bar: box("bar").top, tall: innerHeight, wide: innerWidth, rows: new Set(shown.map((b) => b.offsetTop)).size,
        help: $("help").offsetParent !== null,
        least: Math.min(...shown.map((b) => Math.min(b.offsetWidth, b.offsetHeight))) });
      }, 800);"""
    page = to_html(Motion(matrix_from_axis_angle(turns), path), "a title")
    for size in ((1280, 800), (900, 700), (600, 844), (844, 390)):
        seen = said(tmp_path, page, script, f"--window-size={size[0]},{size[1]}")
        assert seen["caption"] < seen["top"] < seen["low"] < seen["bar"], size
        assert 0 < seen["left"] < seen["right"] < seen["wide"], size
        assert seen["tall"] - seen["bar"] < 0.5 * seen["tall"], size
        assert seen["rows"] == 1, size
        assert seen["help"] == (size[0] == 1280)
        assert seen["least"] >= 44 or min(size) > 640, size


def test_a_file_is_opened_and_what_is_no_motion_leaves_the_page_as_it_was(tmp_path, walker, given):
    data = base64.b64encode(to_glb(walker)).decode()
    script = f"""setTimeout(async () => {{
      const bytes = Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0)), log = [];
      const file = (name, part) => ({{ name, arrayBuffer: async () => part.slice().buffer }}); // without real time
      await openFiles([file("a.glb", bytes), file("b.glb", bytes)]);
      log.push(people.length, people[0].name, people[1].frames, $("together").hidden, $("note").hidden);
      await openFiles([file("c.glb", bytes.slice(0, 900))]);
      log.push(people.length, $("note").textContent); tell(log); }}, 500);"""
    told = said(tmp_path, to_html(walker, sources=given), script)
    assert told[:6] == [2, "a.glb", 30, False, True, 2]
    assert told[6].startswith("c.glb: ")
    assert "wanted" in told[6]


THREE = "three@0.180"
PLAY = """<!DOCTYPE html><body><script type="importmap">
{"imports": {"three": "./node_modules/three/build/three.module.js"}}</script><script type="module">
import * as THREE from "three";
import { GLTFLoader } from "./node_modules/three/examples/jsm/loaders/GLTFLoader.js";
new GLTFLoader().load("motion.glb", (gltf) => {
  const mixer = new THREE.AnimationMixer(gltf.scene), clip = gltf.animations[0];
  mixer.clipAction(clip).play();
  const told = { duration: clip.duration, skinned: 0, frames: [] };
  gltf.scene.traverse((node) => { told.skinned += node.isSkinnedMesh ? 1 : 0; });
  for (const frame of [0, 7, 15, 28]) {
    mixer.setTime(frame / 30); gltf.scene.updateMatrixWorld(true);
    const places = {};
    gltf.scene.traverse((node) => {
      if (node.isBone) places[node.name] = node.getWorldPosition(new THREE.Vector3()).toArray();
    });
    told.frames.push([frame, places]);
  }
  document.body.dataset.told = btoa(JSON.stringify(told));
}, undefined, (error) => { document.body.dataset.told = btoa(JSON.stringify(String(error))); });
</script></body>"""


def test_three_js_plays_the_glb(tmp_path, walker):
    """The loader that most web pages use puts every joint where forward kinematics does."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here, which brings three.js")
    installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", THREE], cwd=tmp_path, capture_output=True)
    if installed.returncode:
        pytest.skip("npm could not bring three.js")
    (tmp_path / "motion.glb").write_bytes(to_glb(walker))
    (tmp_path / "page.html").write_text(PLAY)
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--virtual-time-budget=8000", "--dump-dom",
             f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.1:{server.server_port}/page.html"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        server.shutdown()
    told = json.loads(base64.b64decode(re.search(r'data-told="([^"]*)"', done.stdout)[1]))
    assert told["skinned"] == 1
    assert told["duration"] == pytest.approx((walker.frames - 1) / 30)
    joints = walker.joints_world()
    for frame, places in told["frames"]:
        for joint, name in enumerate(JOINTS):
            np.testing.assert_allclose(places[name], joints[frame, joint], atol=1e-4, err_msg=f"{frame} {name}")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves the page and says nothing."""

    def log_message(self, *args):
        pass
