"""genmo-run as a user meets it: files and one JSON object, or exit 2 with one line and nothing left behind."""

import json

import numpy as np
import pytest

from genmo.runtime import formats
from genmo.runtime.cli.run import main
from genmo.runtime.cli.run_timeline import length_in_frames, parse_text
from genmo.runtime.conditions.spans import Text
from genmo.runtime.formats import SUFFIXES, load_motion
from genmo.runtime.support.errors import InputError

PREFIX = "genmo-run: error: "


def keypoint_arrays(frames=12, camera=False):
    """A stick figure that walks through the image."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-60, 60, (1, 17, 2)).repeat(frames, 0), np.ones((frames, 17, 1))], axis=-1)
    points[..., 0] += 200 + 3 * np.arange(frames)[:, None]
    points[..., 1] += 240
    arrays = {"keypoints": points, "image_size": np.array([640, 480])}
    if camera:
        arrays["camera_to_world"] = np.tile(np.diag([-1.0, -1.0, 1.0, 1.0]), (frames, 1, 1))
        arrays["camera_to_world"][:, 0, 3] = 0.02 * np.arange(frames)
    return arrays


def save_keypoints(path, *, frames=12, camera=False, without=(), **changes):
    arrays = keypoint_arrays(frames, camera) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if name not in without})
    return path


@pytest.fixture
def run(tiny_engine, capsys):
    """`run(*arguments)` -> (exit status, stdout, stderr) with the tiny engine on one thread."""

    def command(*arguments):
        formatted = [str(argument) for argument in arguments]
        engine = [] if "--engine" in formatted else ["--engine", str(tiny_engine)]
        try:
            status = main([*engine, "--threads", "1", *formatted])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return command


def test_a_body_file_is_for_released_weights(run, tmp_path):
    status, _, said = run("--text", "walk", "--body", tmp_path / "SMPLX_NEUTRAL.npz", "--out", tmp_path / "a.npz")
    assert status == 2 and "this engine's betas are genmo's own; leave --body out" in said
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("a person walks", Text("a person walks")),
        ("walk@1-2", Text("walk", 30, 60)),
        ("walk@0.5-1.25", Text("walk", 15, 38)),
        ("walk@2-", Text("walk", 60, None)),
        ("mail me@home", Text("mail me@home")),
        ("walk@1s-2s", Text("walk", 30, 60)),
        ("walk@0-3s", Text("walk", 0, 90)),
        ("walk@2s-", Text("walk", 60, None)),
        ("a@1-2 b@3-4", Text("a@1-2 b", 90, 120)),
        ("walk@" + "9" * 400 + "-", Text("walk", 30 * 10**9, None)),
    ],
)
def test_texts_have_spans_in_seconds(argument, text):
    assert parse_text(argument) == text


@pytest.mark.parametrize(
    "end",
    [
        "0:00-0:03",
        "0,5-2,5",
        " 0-3",
        "0\N{EN DASH}3",
        "3",
        "-3",
        "0 - 3",
        "0-3 seconds",
        "0..3",
        "0to3",
        "0-3)",
        "0-3f",
        "0-3@4",
    ],
)
def test_what_is_nearly_a_span_is_no_prompt(end):
    with pytest.raises(InputError, match="is no span; wanted @start-end in seconds") as caught:
        parse_text(f"a person walks@{end}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prompt", ["mail me@home-2", "meet @ 3 o'clock", "a@b", "a person walks@", "@3pm"])
def test_an_at_sign_may_stand_in_a_prompt(prompt):
    assert parse_text(prompt).prompt == prompt


def test_length():
    assert length_in_frames(25, None) == 25
    assert length_in_frames(None, 2.5) == 75
    assert length_in_frames(None, 0.001) == 1
    assert length_in_frames(None, None) is None
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="wanted more than 0"):
            length_in_frames(None, seconds)


@pytest.mark.parametrize(
    ("texts", "keypoints", "frames"),
    [
        (["walk"], False, 120),
        (["a@0-1", "b", "c@1-3"], False, 90),
        (["jump@0.1-0.3"], True, 12),  # the keypoints' length
        (["walk@0-2"], True, 60),
        (["a person walks, then jumps"], False, 180),
        (["a person walks, then jumps@0-3"], False, 90),
        (["a person walks, then jumps"], True, 12),
    ],
)
def test_length_where_no_option_says_it(run, tmp_path, texts, keypoints, frames):
    options = [part for text in texts for part in ("--text", text)]
    if keypoints:
        options += ["--keypoints", save_keypoints(tmp_path / "k.npz", camera=True)]
    status, printed, _ = run(*options, "--steps", 1, "--json", "--out", tmp_path / "m.npz")
    assert status == 0 and json.loads(printed)["frames"] == frames


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("options", "frames", "noted"),
    [
        (["--text", "a person jumps for 1.5 seconds"], 45, "1.5 s long: as long as 'a person jumps for 1.5 seconds'"),
        (["--text", "a person walks for 1 second, then jumps for 1 second"], 60, "2 s long"),
        (["--text", "a person walks@0-1.2"], 36, "1.2 s long"),
    ],
)
def test_as_long_as_the_texts_take(run, tmp_path, options, frames, noted):
    """The tiny engine knows no lengths of words, but rules do."""
    status, out, _ = run(*options, "--seconds", "auto", "--steps", 1, "--json", "--out", tmp_path / "a.npz")
    facts = json.loads(out)
    assert status == 0 and facts["frames"] == frames and any(noted in note for note in facts["notes"])


def test_the_last_keyframe_is_reached(run, tmp_path):
    save_poses(tmp_path / "keys.npz", (3, 70))
    keys = ["--keyframes", tmp_path / "keys.npz", "--text", "a person jumps for 1 second"]
    status, out, _ = run(*keys, "--seconds", "auto", "--steps", 1, "--json", "--out", tmp_path / "a.npz")
    assert status == 0 and json.loads(out)["frames"] == 71


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", "walk", "--seconds", "long"], "'long' is no length; wanted seconds such as 4 or 2.5, or auto"),
        (["--keyframes", "k.npz", "--seconds", "auto"], "--seconds auto without --text"),
        (["--text", "walk", "--keypoints", "k.npz", "--seconds", "auto"], "with --keypoints, which has a length"),
        (["--text", "walk", "--timeline", "t.yaml", "--seconds", "auto"], "with --timeline, which has a length"),
        (["--text", "walk", "--edit", "w.bvh:0-1", "--seconds", "auto"], "with --edit, which has a length"),
        (["--between", "a.bvh", "b.bvh", "--seconds", "auto"], "--seconds auto together with --between"),
        (["--text", "...", "--seconds", "auto"], "wanted at least one word"),
    ],
)
def test_where_no_text_says_a_length(run, tmp_path, options, said):
    status, _, errors = run(*options, "--out", tmp_path / "a.npz")
    assert status == 2 and said in errors and len(errors.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_every_format_from_one_run(run, tmp_path):
    outs = [tmp_path / f"walk{suffix}" for suffix in SUFFIXES]
    options = [part for out in outs for part in ("--out", out)]
    status, printed, errors = run("--text", "a person walks", "--seconds", 0.1, *options)
    assert (status, without_notes(errors)) == (0, "") and printed.split() == [str(out) for out in outs]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(out.name for out in outs)
    assert load_motion(tmp_path / "walk.npz").frames == 3
    assert (tmp_path / "walk.glb").read_bytes()[:4] == b"glTF"
    assert "Frames: 3\n" in (tmp_path / "walk.bvh").read_text()


def test_json_is_one_object(run, tmp_path, tiny_engine):
    status, printed, errors = run("--text", "jump", "--frames", 7, "--json", "--out", tmp_path / "j.npz")
    assert (status, errors) == (0, "") and printed.count("\n") == 1
    report = json.loads(printed)
    assert report["frames"] == 7 and report["fps"] == 30 and report["samples"] == 1
    assert report["device"] == "cpu" and report["backend"] == "onnxruntime CPUExecutionProvider"
    assert report["outputs"] == [str(tmp_path / "j.npz")] and report["engine"] == str(tiny_engine)
    for name in ("load_ms", "condition_ms", "step_ms", "decode_ms"):
        assert report[name] >= 0, name


def test_samples_are_numbered(run, tmp_path):
    out = tmp_path / "walk.npz"
    status, printed, _ = run("--text", "walk", "--frames", 5, "--samples", 3, "--out", out)
    names = [f"walk-{number}.npz" for number in (1, 2, 3)]
    assert status == 0 and sorted(path.name for path in tmp_path.iterdir()) == names
    assert printed.split() == [str(tmp_path / name) for name in names]
    assert len({(tmp_path / name).read_bytes() for name in names}) == 3


def test_seeds(run, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert run("--text", "walk", "--frames", 9, "--seed", seed, "--out", tmp_path / f"{name}.npz")[0] == 0
    first, again, other = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert first == again and first != other


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 50])
def test_steps(run, tmp_path, steps):
    assert run("--text", "walk", "--frames", 4, "--steps", steps, "--out", tmp_path / "w.npz")[0] == 0
    assert np.isfinite(load_motion(tmp_path / "w.npz").joints_world()).all()


def test_the_last_span_gives_the_length(run, tmp_path):
    out = tmp_path / "w.npz"
    assert run("--text", "walk@0-1", "--text", "jump@1-2", "--out", out)[0] == 0
    assert load_motion(out).frames == 60


OF_RANDOM_WEIGHTS = "so it was slowed down", "of the camera's world and is kept there"


def without_notes(errors):
    """Without the lines about limbs that were slowed down and people off the ground: random weights are like that."""
    return "".join(line for line in errors.splitlines(True) if not any(note in line for note in OF_RANDOM_WEIGHTS))


def test_keypoints_with_and_without_a_camera(run, tmp_path):
    for camera in (True, False):
        keypoints = save_keypoints(tmp_path / f"k{camera}.npz", camera=camera)
        out = tmp_path / f"{camera}.npz"
        status, _, errors = run("--keypoints", keypoints, "--out", out)
        errors = without_notes(errors)
        assert status == 0 and load_motion(out).frames == 12
        assert (load_motion(out).camera is not None) is camera
        assert ("taken for static" in errors) is not camera and errors.count("\n") == (not camera)
    status, _, errors = run("--keypoints", keypoints, "--json", "--out", tmp_path / "j.npz")
    assert (status, errors) == (0, "")


def test_keypoints_and_text_on_one_timeline(run, tmp_path):
    keypoints = save_keypoints(tmp_path / "k.npz", camera=True)
    status, _, errors = run(
        "--keypoints", keypoints, "--text", "jump@0.2-1", "--frames", 40, "--out", tmp_path / "m.npz"
    )
    assert (status, without_notes(errors)) == (0, "") and load_motion(tmp_path / "m.npz").frames == 40


def test_actions_in_order_are_noted(run, tmp_path):
    walk = ("--text", "a person walks, then sits", "--seconds", 2, "--steps", 1, "--out", tmp_path / "m.npz")
    status, _, errors = run(*walk)
    assert status == 0 and "genmo-run: note: text 'a person walks, then sits' is 2 texts in order" in errors
    status, _, errors = run(*walk, "--no-split-texts")
    assert status == 0 and "in order" not in errors


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        (
            ("--text", "walk@0-3", "--seconds", 2),
            "text 'walk' reaches to 3 s, the motion to 2 s: the rest of it is cut",
        ),
        (("--text", "walk@0-1.5", "--text", "sit@1-9", "--frames", 60), "text 'sit' reaches to 9 s, the motion to 2 s"),
        (("--text", "walk@0-2", "--text", "sit@1-", "--seconds", 2), None),
        (("--text", "walk@0-2"), None),
    ],
)
def test_a_text_that_is_cut_is_noted(run, tmp_path, options, noted):
    status, _, errors = run(*options, "--steps", 1, "--out", tmp_path / "m.npz")
    assert status == 0 and load_motion(tmp_path / "m.npz").frames == 60
    assert "is cut" not in errors if noted is None else noted in errors and errors.count("is cut") == 1


@pytest.mark.parametrize("name", ["--keypoints", "--edit", "--timeline", "--character", "--constraints", "--music"])
def test_files_of_one_kind_are_not_dropped(run, tmp_path, name):
    status, _, errors = run("--text", "walk", name, "a.x", name, "b.x", "--out", tmp_path / "m.npz")
    assert status == 2 and f"argument {name}: given twice; wanted it once" in errors and errors.count("\n") == 1


def save_poses(path, frames=(3, 20), **changes):
    arrays = {"frames": np.array(frames), "rotations": np.tile(np.eye(3), (len(frames), 24, 1, 1))}
    np.savez(path, **arrays, trans=np.tile([0, 0.9, 0.5], (len(frames), 1)), **changes)
    return path


def save_places(path, joint="head"):
    np.savez(path, frames=np.array([5, 12]), joints=np.array([joint] * 2), positions=np.tile([0, 1.5, 0.3], (2, 1)))
    return path


def test_keyframes_and_constraints_are_met(run, tmp_path):
    poses, places = save_poses(tmp_path / "f.npz"), save_places(tmp_path / "p.npz")
    out = tmp_path / "m.npz"
    arguments = ["--text", "walk", "--keyframes", poses, "--constraints", places, "--json", "--out", out]
    status, printed, errors = run(*arguments, "--frames", 40)
    report = json.loads(printed)
    assert (status, errors) == (0, "") and report["keyframe_error_mm"][0] < 1e-6
    assert report["constraint_error_mm"][0]["mean"] < 30 and set(report["constraint_error_mm"][0]) == {"mean", "max"}
    motion = load_motion(out)
    np.testing.assert_array_equal(motion.rotations[[3, 20]], np.tile(np.eye(3), (2, 24, 1, 1)))
    np.testing.assert_allclose(motion.translation[[3, 20]], [[0, 0.9, 0.5]] * 2, atol=1e-6)
    assert run("--keyframes", poses, "--out", out)[0] == 0 and load_motion(out).frames == 120


def test_frames_of_motion_files_are_met(run, tmp_path, random_motion):
    """`--keyframe`, several times, beside `--keyframes`; the last of them makes the length."""
    walk, out = tmp_path / "walk.bvh", tmp_path / "m.npz"
    formats.save_motion(walk, random_motion(5))
    picks = ["--keyframe", f"{walk}:4@1s", "--keyframe", f"{walk}:0@12f", "--keyframes", save_poses(tmp_path / "f.npz")]
    status, printed, errors = run(*picks, "--text", "walk@0-0.5", "--json", "--out", out)
    report = json.loads(printed)
    assert (status, without_notes(errors)) == (0, "") and report["frames"] == 31
    assert report["keyframe_error_mm"][0] < 1e-6
    np.testing.assert_allclose(load_motion(out).rotations[[12, 30]], random_motion(5).rotations[[0, 4]], atol=1e-5)
    status, _, errors = run("--keyframe", f"{walk}:4@3s", "--seconds", 2, "--out", out)
    assert status == 2 and "keyframe at frame 90; wanted it within 0 to 59" in errors


def test_a_motion_is_completed_behind_its_end(run, tmp_path):
    """A whole motion as keyframes: prefix completion."""
    first, longer = tmp_path / "a.npz", tmp_path / "b.npz"
    assert run("--text", "walk", "--frames", 20, "--out", first)[0] == 0
    assert run("--text", "jump", "--keyframes", first, "--frames", 50, "--out", longer)[0] == 0
    np.testing.assert_allclose(load_motion(longer).rotations[:20], load_motion(first).rotations, atol=1e-6)
    np.testing.assert_allclose(load_motion(longer).translation[:20], load_motion(first).translation, atol=1e-6)


TIMELINE = """\
length: 50f
seed: 4
keypoints: [{file: k.npz, start: 5f}]
texts: [{text: jump, start: 1s}]
"""


def test_a_timeline_is_one_motion(run, tmp_path):
    save_keypoints(tmp_path / "k.npz", camera=False)
    (tmp_path / "t.yaml").write_text(TIMELINE)
    bodies = {}
    for name, more in (("a", []), ("b", ["--seed", 4]), ("c", ["--seed", 5]), ("d", ["--steps", 2])):
        out = tmp_path / f"{name}.npz"
        status, _, errors = run("--timeline", tmp_path / "t.yaml", "--out", out, *more)
        assert status == 0 and load_motion(out).frames == 50 and errors.count("taken for static") == 1
        assert "t.yaml:3" in errors
        bodies[name] = out.read_bytes()
    assert bodies["a"] == bodies["b"] and len(set(bodies.values())) == 3
    assert run("--timeline", tmp_path / "t.yaml", "--out", tmp_path / "t.svg")[0] == 0
    assert b"<svg" in (tmp_path / "t.svg").read_bytes()


def timeline(text, *more):
    def make(folder):
        (folder / "t.yaml").write_text(text)
        return ["--timeline", folder / "t.yaml", "--out", folder / "out.npz", *more]

    return make


def test_a_file_is_replaced(run, tmp_path):
    out = tmp_path / "w.bvh"
    out.write_text("old")
    assert run("--text", "walk", "--frames", 3, "--out", out)[0] == 0
    assert out.read_text().startswith("HIERARCHY")


def keypoints(**changes):
    return lambda folder: ["--keypoints", save_keypoints(folder / "bad.npz", **changes), "--out", folder / "out.npz"]


def text(*arguments, prompt="walk", out="out.npz"):
    return lambda folder: ["--text", prompt, "--out", folder / out, *arguments]


def pickled(folder):
    np.savez(folder / "bad.npz", keypoints=np.array([{}], object), image_size=np.array([1, 1]))
    return ["--keypoints", folder / "bad.npz", "--out", folder / "out.npz"]


def not_npz(folder):
    (folder / "bad.npz").write_text("keypoints")
    return ["--keypoints", folder / "bad.npz", "--out", folder / "out.npz"]


def npy(folder):
    np.save(folder / "bad.npy", np.zeros((3, 17, 3)))
    return ["--keypoints", folder / "bad.npy", "--out", folder / "out.npz"]


def out_is_a_folder(folder):
    (folder / "out.npz").mkdir()
    return ["--text", "walk", "--out", folder / "out.npz"]


def out_in_a_file(folder):
    (folder / "file").write_text("")
    return ["--text", "walk", "--out", folder / "file" / "out.npz"]


def with_infinity():
    points = keypoint_arrays()["keypoints"]
    points[3, 2, 0] = np.inf
    return points


BAD_INPUT = {
    "missing file": (lambda f: ["--keypoints", f / "no.npz", "--out", f / "out.npz"], "no such file"),
    "missing engine": (text("--engine", "no-such-engine"), "no engine.json"),
    "wrong shape": (keypoints(keypoints=np.ones((12, 17))), "wanted numbers [N, 17, 3]"),
    "20 keypoint columns": (keypoints(keypoints=np.ones((12, 17, 20))), "wanted numbers [N, 17, 3]"),
    "infinite": (keypoints(keypoints=with_infinity()), "finite"),
    "huge": (keypoints(keypoints=np.full((2, 17, 3), 1e300)), "finite numbers"),
    "no image size": (keypoints(without=["image_size"]), "no array 'image_size'"),
    "cameras of another length": (keypoints(camera_to_world=np.tile(np.eye(4), (3, 1, 1))), "camera_to_world"),
    "no frames a second": (keypoints(fps=np.array(0)), "fps"),
    "pickled keypoints": (pickled, "not a readable .npz"),
    "text for keypoints": (not_npz, "not a readable .npz"),
    "a person of no keypoints": (text("--person", "2"), "--person without --keypoints"),
    "a camera of no keypoints": (text("--camera", "c.npz"), "--camera without --keypoints"),
    "a network without a video": (text("--pose", "pose.onnx"), "--pose without --video"),
    "a video without a network": (text("--video", "v.mp4"), "give --pose FILE.onnx"),
    "odometry without a video": (lambda f: [*keypoints()(f), "--camera", "vo"], "without --video"),
    "an image size in words": (lambda f: [*keypoints()(f), "--image-size", "large"], "wanted width and height"),
    "a camera that is not there": (lambda f: [*keypoints()(f), "--camera", f / "no.npz"], "no.npz"),
    "music that is not there": (text("--music", "no.wav"), "no.wav"),
    "npy for npz": (npy, "not JSON"),
    "zero frames of keypoints": (keypoints(keypoints=np.ones((0, 17, 3))), "0 frames"),
    "fewer frames than keypoints": (
        lambda f: [*keypoints()(f), "--frames", "5"],
        "the motion has 5 frames, the keypoints have 12 frames",
    ),
    "zero frames": (text("--frames", "0"), "frames is 0"),
    "endless": (text("--frames", "1000000000"), "at most"),
    "endless seconds": (text("--seconds", "1e300"), "at most"),
    "negative frames": (text("--frames", "-4"), "frames is -4"),
    "half a frame": (text("--frames", "1.5"), "--frames"),
    "negative seconds": (text("--seconds", "-1"), "--seconds is -1"),
    "zero seconds": (text("--seconds", "0"), "--seconds is 0"),
    "NaN seconds": (text("--seconds", "nan"), "--seconds is nan"),
    "frames and seconds": (text("--frames", "3", "--seconds", "1"), "not allowed with"),
    "empty text": (text(prompt=""), "wanted at least one word"),
    "text of signs": (text(prompt="?!"), "wanted at least one word"),
    "text in another script": (text(prompt="走る"), "wanted at least one word"),
    "only a span": (text(prompt="@1-2"), "wanted at least one word"),
    "backward span": (text(prompt="walk@2-1"), "spans 2 to 1 s"),
    "span behind the end": (text("--seconds", "1", prompt="walk@5-"), "spans 5 to 1 s; wanted some of 0 to 1 s"),
    "span at the end of time": (text(prompt="walk@" + "9" * 400 + "-"), "spans 1e+09 to"),
    "nothing": (lambda f: ["--out", f / "out.npz"], "wanted --text or --keypoints"),
    "no output": (lambda f: ["--text", "walk"], "--out"),
    "timeline and text": (timeline(TIMELINE, "--text", "a"), "--text together with --timeline"),
    "timeline and frames": (timeline(TIMELINE, "--frames", "9"), "--frames together with --timeline"),
    "missing timeline": (lambda f: ["--timeline", f / "no.yaml", "--out", f / "out.npz"], "no such file"),
    "wrong timeline": (timeline("length: 1s\ntexts:\n- text: a\n  start: x"), "t.yaml:4: time is 'x'"),
    "timeline without its file": (timeline("keypoints:\n- file: no.npz"), "t.yaml:2: "),
    "text without a word in a timeline": (timeline("length: 1s\ntexts:\n- text: '?!'"), "t.yaml:3: text is '?!'"),
    "music for an engine without": (
        lambda f: (np.save(f / "m.npy", np.zeros((9, 35))), timeline("music:\n- file: m.npy")(f))[1],
        "t.yaml:2: this engine takes no music",
    ),
    "seed of a timeline": (timeline("length: 1s\ntexts: [{text: a}]", "--seed", "-1"), "seed is -1"),
    "missing keyframes": (lambda f: ["--keyframes", f / "no.npz", "--out", f / "out.npz"], "no such file"),
    "keyframes behind the end": (
        lambda f: ["--keyframes", save_poses(f / "f.npz"), "--frames", "20", "--out", f / "out.npz"],
        "keyframe at frame 20; wanted it within 0 to 19",
    ),
    "no such joint": (
        lambda f: ["--constraints", save_places(f / "p.npz", "tail"), "--out", f / "out.npz"],
        "joint 'tail'",
    ),
    "unknown option": (text("--style", "happy"), "unrecognized arguments"),
    "an option nearly right": (text("--sampels", "3"), "did you mean --samples?"),
    "unknown device": (text("--device", "tpu"), "invalid choice"),
    "zero steps": (text("--steps", "0"), "--steps is 0"),
    "negative steps": (text("--steps", "-2"), "--steps is -2"),
    "too many steps": (text("--steps", "1001"), "wanted 1 to 1000"),
    "steps in words": (text("--steps", "five"), "--steps"),
    "NaN guidance": (text("--guidance", "nan"), "guidance is nan"),
    "endless guidance": (text("--guidance", "inf"), "guidance is inf"),
    "guidance far beyond": (text("--guidance", "20"), "guidance is 20; wanted -10 to 10"),
    "guidance beyond all": (text("--guidance", "1e300"), "guidance is 1e+300"),
    "samples without end": (text("--samples", "1000000000"), "--samples is 1000000000; wanted at most 1000"),
    "text that is none": (text(prompt="walk \udcff"), "no UTF-8"),
    "negative seed": (text("--seed", "-1"), "seed is -1"),
    "zero samples": (text("--samples", "0"), "samples is 0"),
    "zero tries": (text("--tries", "0"), "--tries is 0; wanted 1 to 64"),
    "tries of a loop": (text("--loop", "--tries", "3"), "--tries is 3 with a loop, of which one take is made"),
    "tries between": (lambda f: ["--between", f / "a.bvh", f / "b.bvh", "--tries", 2, "--out", f / "o.npz"], "--tries"),
    "NUL in the name of an output": (text(out="o\0.npz"), "no file name may have a NUL character"),
    "negative threads": (text("--threads", "-1"), "threads is -1"),
    "unknown suffix": (text(out="out.fbx"), "wanted one of .npz"),
    "no suffix": (text(out="out"), "wanted one of .npz"),
    "one of two suffixes": (lambda f: [*text()(f), "--out", f / "out.obj"], "wanted one of .npz"),
    "missing output folder": (text(out="no/such/out.npz"), "there is no folder"),
    "output is a folder": (out_is_a_folder, "cannot be written"),
    "output in a file": (out_in_a_file, "there is no folder"),
}


def contents(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_and_nothing_else(run, tmp_path, name, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))  # no networks, whoever runs this
    make, message = BAD_INPUT[name]
    arguments = make(tmp_path)
    before = contents(tmp_path)
    status, printed, errors = run(*arguments)
    assert status == 2 and printed == ""
    assert errors.startswith(PREFIX) and errors.endswith("\n") and errors.count("\n") == 1
    assert message in errors and "Traceback" not in errors
    assert contents(tmp_path) == before


def alter(engine):
    table = engine / "text_encoder.npy"
    table.write_bytes(table.read_bytes()[:-1] + b"!")


def graph_of(engine):
    return min(engine.glob("*.onnx"))


def truncate(engine):
    graph_of(engine).write_bytes(graph_of(engine).read_bytes()[:1000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (alter, "SHA-256"),
        (truncate, "SHA-256"),
        (lambda engine: graph_of(engine).rename(engine / "other.graph"), "is missing"),
        (lambda engine: (engine / "engine.json").write_text("{}"), "format is None"),
    ],
    ids=["tampered", "truncated", "renamed", "other version"],
)
def test_a_bad_engine_is_one_line(run, tmp_path, engine_copy, spoil, message):
    engine = engine_copy(tmp_path / "engine")
    spoil(engine)
    before = contents(tmp_path)
    status, printed, errors = run("--engine", engine, "--text", "walk", "--out", tmp_path / "w.npz")
    assert (status, printed) == (2, "") and errors.startswith(PREFIX) and errors.count("\n") == 1
    assert message in errors and contents(tmp_path) == before


def test_a_disk_that_fills_up_is_one_line(run, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genmo.runtime.support.atomic_write.os.fsync", full)
    status, _, errors = run("--text", "walk", "--frames", 3, "--out", tmp_path / "w.npz")
    errors = without_notes(errors)
    assert status == 2 and errors.startswith(PREFIX) and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_can_be_written_is_written_and_the_rest_is_named(run, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise InputError("walk.html: cannot be written (No space left on device); make room")

    monkeypatch.setitem(formats._WRITERS, ".html", full)
    (tmp_path / "walk.html").write_text("old")
    outs = [part for name in ("walk.html", "walk.npz", "walk.bvh") for part in ("--out", tmp_path / name)]
    status, printed, errors = run("--text", "walk", "--frames", 3, *outs)
    errors = without_notes(errors)
    written = [str(tmp_path / name) for name in ("walk.npz", "walk.bvh")]
    assert status == 2 and printed.split() == written and errors.count("\n") == 1
    assert errors.startswith(PREFIX) and "walk.html: cannot be written" in errors
    assert errors.rstrip().endswith(f"; written: {', '.join(written)}")
    assert (tmp_path / "walk.html").read_text() == "old"
    status, printed, _ = run("--text", "walk", "--frames", 3, "--json", *outs)
    assert status == 2 and json.loads(printed)["outputs"] == written


def test_names_that_are_no_text(run, tmp_path):
    """What stands in a page about a file whose name is no text is readable."""
    path = save_keypoints(tmp_path / "k\udcff.npz")
    status, printed, errors = run("--keypoints", path, "--out", tmp_path / "m.html", "--out", tmp_path / "m.svg")
    assert status == 0 and len(printed.split()) == 2 and "k\\udcff.npz" in errors
    assert b"k?" in (tmp_path / "m.html").read_bytes()


def test_a_network_that_answers_nan_is_one_line(run, tmp_path, monkeypatch):
    nan = {"x_0": np.full((1, 5, 3), np.nan, np.float32)}
    monkeypatch.setattr("genmo.runtime.denoiser.sampler.stepper", lambda *arguments: lambda x_t, timestep: nan)
    status, printed, errors = run("--text", "walk", "--frames", 5, "--guidance", 1, "--out", tmp_path / "w.npz")
    assert (status, printed) == (2, "") and errors.count("\n") == 1
    assert "the network answered numbers that are not finite (x_0)" in errors and not list(tmp_path.iterdir())


def test_a_machine_that_is_too_small_is_one_line(run, tmp_path, monkeypatch):
    def too_much(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("genmo.runtime.model.sampler.generate", too_much)
    status, _, errors = run("--text", "walk", "--out", tmp_path / "w.npz")
    assert status == 2 and "not enough memory" in errors and errors.count("\n") == 1


def test_as_a_program(python, tmp_path, tiny_engine):
    """The same through a process of its own: exit status, streams, and nothing of the library's in between."""
    command = [
        "-m",
        "genmo.runtime.cli.run",
        "--engine",
        str(tiny_engine),
        "--threads",
        "1",
        "--text",
        "walk",
        "--frames",
        "4",
    ]
    good = python([*command, "--out", "walk.npz", "--json"], cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "") and json.loads(good.stdout)["outputs"] == ["walk.npz"]
    bad = python([*command, "--out", "no/walk.npz"], cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith(PREFIX) and bad.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["walk.npz"]
