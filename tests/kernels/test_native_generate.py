"""genmo_generate against MotionModel.generate; engines that are damaged; the C example."""

import json
import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.conditions.spans import ReferenceSpan, SeedSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.motion.joints import JOINTS, PARENTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.support import native
from tests.kernels.native_abi import Model

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

NATIVE = Path(__file__).resolve().parents[2] / "kernels" / "native"
NAMES = ("engine.json", "conditions.onnx", "texts.onnx", "step.onnx", "text_encoder.npz", "text_vocabulary.txt")
"""what has to be there; test_native_takes.py has the rest"""

CASES = {
    "walk": ([("a person walks forward", 0, 0)], 60, {}),
    "in order": ([("a person walks forward, then sits down", 0, 0)], 130, {"seed": 2}),
    "spans": ([("a man kicks", 0, 60), ("a man waves with the left hand", 40, 0)], 90, {"seed": 3, "guidance": 2.0}),
    "stairs": ([("someone walks up the stairs", 0, 0)], 100, {"seed": 4}),
    "floor": ([("a person crawls on the floor", 0, 0)], 60, {"seed": 5, "sample": 1}),
    "tumbles": ([("a person does a somersault and rolls", 0, 0)], 90, {"seed": 2}),
    "arms apart": ([("a person walks while waving, then stands", 10, 0)], 80, {"seed": 7}),
    "turn": ([("a person walks and makes a 90-degree left turn", 0, 0)], 90, {"steps": 3}),
    "turns": ([("turns around", 0, 40), ("spins 360° clockwise", 40, 0)], 90, {"steps": 3, "split_texts": False}),
    "few steps": ([("a person runs", 0, 0)], 60, {"steps": 4}),
    "unguided": ([("a person dances", 0, 0)], 40, {"steps": 3, "guidance": 1.0}),
    "wild": ([("a person does a cartwheel", 0, 0)], 50, {"seed": 9, "guidance": 9.0}),
    "loose": ([("a person walks in a circle", 0, 0)], 70, {"seed": 6, "clean_feet": False}),
    "one frame": ([("a person stands", 0, 0)], 1, {}),
    "short": ([("a person jumps", 0, 0)], 5, {"split_texts": False}),
}


def reference(model, texts, frames, sample=0, **options):
    texts = [Text(prompt, start, end or None) for prompt, start, end in texts]
    return model.generate(texts, frames, samples=sample + 1, tries=1, **options)[sample]


def ours(model, texts, frames, clean_feet=True, split_texts=True, **options):
    return model.generate(texts, frames, loose_feet=not clean_feet, whole_texts=not split_texts, **options)


def millimetres_off(arrays, motion):
    return 1000 * np.linalg.norm(arrays["joints"] - motion.joints_world(), axis=-1)


@pytest.mark.parametrize("name", CASES)
def test_motions_are_those_of_the_runtime(name, model, python):
    texts, frames, options = CASES[name]
    expected, made = reference(python, texts, frames, **options), ours(model, texts, frames, **options)
    root = made["joints"] - made["joints"][:, :1], expected.joints_world() - expected.joints_world()[:, :1]
    assert 1000 * np.linalg.norm(root[0] - root[1], axis=-1).mean() <= 0.002
    assert millimetres_off(made, expected).mean() <= 0.005 and millimetres_off(made, expected).max() <= 0.05
    assert np.abs(made["translation"] - expected.translation).max() <= 5e-5
    assert np.abs(made["contacts"] - expected.contacts).max() <= 1e-4
    assert np.abs(made["offsets"] - expected.rest_offsets).max() <= 1e-6
    assert np.abs(made["betas"] - expected.betas).max() <= 1e-4
    rotations = matrix_from_quaternion(np.roll(made["rotations"].astype(np.float64), 1, axis=-1))
    assert np.abs(rotations - expected.rotations).max() <= 2e-4


def test_frames_may_have_seeds_of_their_own(model, python):
    seeds = [(20, 60, 5), (50, 70, 2**40)]
    timeline = Timeline(90, (Text("a person walks"),), seed=3, steps=3, seeds=tuple(SeedSpan(*seed) for seed in seeds))
    expected = python.follow(timeline, samples=2, tries=1).motions[1]
    made = model.generate("a person walks", 90, seed=3, steps=3, seeds=seeds, sample=1)
    assert millimetres_off(made, expected).max() <= 0.05
    plain = model.generate("a person walks", 90, seed=3, steps=3, sample=1)
    assert np.abs(plain["joints"] - made["joints"]).max() > 0.01


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_frames_may_be_like_other_motions(strength, model, python):
    clip = model.generate("a person runs", 60, seed=1, steps=2)
    rotations = matrix_from_quaternion(np.roll(clip["rotations"].astype(np.float64), 1, axis=-1))
    motion = Motion(rotations, clip["translation"].astype(np.float64), contacts=clip["contacts"].astype(np.float64))
    first, last = motion.cut(slice(0, 40)), replace(motion.cut(slice(35, 60)), contacts=None)
    spans = ReferenceSpan(first, 0, strength), ReferenceSpan(last, 55, strength)
    timeline = Timeline(90, (Text("a person runs", 10),), seed=3, steps=4, references=spans)
    arrays = [clip[name] for name in ("rotations", "translation", "contacts")]
    parts = [[array[part] for array in arrays] for part in (slice(0, 40), slice(35, 60))]
    parts[1][2] = None
    references = [(0, strength, *parts[0]), (55, strength, *parts[1])]
    made = model.generate([("a person runs", 10, 0)], 90, seed=3, steps=4, references=references)
    assert millimetres_off(made, python.follow(timeline, tries=1).motions[0]).max() <= 0.05
    plain = model.generate([("a person runs", 10, 0)], 90, seed=3, steps=4)
    assert np.abs(plain["joints"] - made["joints"]).max() > 0.01


def test_references_that_cannot_be_are_refused(model):
    def reference(frames, start=0, strength=0.5, value=0.0):
        turns, path = np.full((frames, 24, 4), value, np.float32), np.zeros((frames, 3), np.float32)
        return start, strength, turns, path, None

    for references, words in (
        ([reference(31)], "a reference of 31 frames from frame 0; wanted it within 0 to 30"),
        ([reference(10, 21)], "a reference of 10 frames from frame 21"),
        ([reference(10), reference(5, 9)], "references overlap from frame 9 on"),
        ([reference(10, strength=1.5)], "strength is 1.5; wanted 0 to 1"),
        ([reference(10, value=np.nan)], "a reference holds numbers that are not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            model.generate("a person walks", 30, references=references)


def test_fixed_point_is_within_half_a_millimetre(python):
    with Model(SHIPPED, fast=1) as fast:
        for name in ("walk", "floor"):
            texts, frames, options = CASES[name]
            made, expected = ours(fast, texts, frames, **options)["joints"], reference(python, texts, frames, **options)
            joints = expected.joints_world()
            off = np.linalg.norm((made - made[:, :1]) - (joints - joints[:, :1]), axis=-1)
            assert 0 < 1000 * off.mean() <= 0.5


def test_quaternions_go_the_short_way_from_frame_to_frame(model):
    turns = model.generate("a person does a cartwheel", 60, steps=2)["rotations"].astype(np.float64)
    assert np.abs(np.linalg.norm(turns, axis=-1) - 1).max() < 1e-6
    assert (turns[1:] * turns[:-1]).sum(axis=-1).min() > 0


def test_the_same_bytes_again_from_memory_and_for_any_number_of_threads(model):
    def motion(one):
        return b"".join(array.tobytes() for array in one.generate("a person walks", 50, steps=2, seed=8).values())

    expected = motion(model)
    assert motion(model) == expected
    files = {name: (SHIPPED / name).read_bytes() for name in NAMES}
    with Model(files=files, threads=3, reserve=50) as other:
        assert motion(other) == expected


def test_progress_rises_to_one_and_cancels(model):
    shares = []
    model.generate("a person walks", 20, steps=3, progress=lambda share: shares.append(share) or 0)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) == 4
    with pytest.raises(RuntimeError, match="cancelled after 1 of 3 steps"):
        model.generate("a person walks", 20, steps=3, progress=lambda share: 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 70000}, "frames is 70000; wanted 1 to 65536"),
        ({"steps": 1001}, "steps is 1001; wanted 1 to 1000"),
        ({"guidance": 11.0}, "guidance is 11; wanted -10 to 10"),
        ({"texts": [("", 0, 0)]}, "a text has no letters"),
        ({"texts": [("!?", 0, 0)]}, "wanted at least one word in Latin letters"),
        ({"texts": [("walk", 40, 80)]}, "spans frames 40 to 80; wanted some of 0 to 30"),
        ({"texts": []}, "0 texts; wanted 1 to 1024"),
        ({"seeds": [(10, 31, 1)]}, "a seed spans frames 10 to 31; wanted some of 0 to 30"),
        ({"seeds": [(10, 10, 1)]}, "a seed spans frames 10 to 10; wanted some of 0 to 30"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(options, words, model):
    with pytest.raises(ValueError, match=words):
        model.generate(**({"texts": "walk", "frames": 30} | options))


def altered(change):
    files = {name: (SHIPPED / name).read_bytes() for name in NAMES}
    about = json.loads(files["engine.json"])
    change(files, about)
    return files | {"engine.json": json.dumps(about).encode()} if "engine.json" in files else files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files, about: files.pop("engine.json"), "engine.json is not among the files"),
        (lambda files, about: files.update({"step.onnx": files["step.onnx"][:-1]}), "its SHA-256 is not the one"),
        (lambda files, about: about.update(format=1), "format is not 2"),
        (lambda files, about: about["model"].update(layout="x"), 'layout is neither "genmo" nor "gem"'),
        (lambda files, about: about["model"].update(layout="gem"), "normalisation is not of the layout's features"),
        (lambda files, about: about["model"].update(width=-4), "a size of the model"),
        (lambda files, about: about["text_encoder"].update(kind="t5-1"), 'text encoder is not "wordpiece-1"'),
        (lambda files, about: about.pop("native"), 'no table "native"'),
        (
            lambda files, about: about["native"]["tensors"].update({"step.time": ["step.onnx", 10**9, [9]]}),
            "is not inside",
        ),
        (lambda files, about: about["normalisation"]["std"].__setitem__(3, 0), "positive spreads"),
        (lambda files, about: about["text_encoder"].update(file="../step.onnx"), "not among its files"),
    ],
)
def test_a_damaged_engine_is_refused_in_a_sentence(change, words):
    with pytest.raises(RuntimeError, match=words):
        Model(files=altered(change))


@pytest.fixture(params=native.instruction_sets())
def instruction_set(request):
    with native.using_instruction_set(request.param):
        yield request.param


def pieces_of(files, about, piece):
    """Their hashes of pieces, written into the description."""
    about["native"]["pieces"] = {
        "bytes": piece, "sha256": {name: hash_by_pieces(files[name], piece) for name in NAMES[1:]}
    }  # fmt: skip


def hash_by_pieces(data, piece):
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return sha256(b"".join(sha256(each).digest() for each in pieces)).hexdigest()


@pytest.mark.parametrize("piece", [16384, 999_936])
def test_pieces_are_hashed_as_the_standard_says(piece, instruction_set):
    """The last pieces are fewer than a register has lanes, and the last of all is short."""
    Model(files=altered(lambda files, about: pieces_of(files, about, piece)))


@pytest.mark.parametrize(
    ("name", "place"), [("step.onnx", 0), ("step.onnx", 9_000_000), ("step.onnx", -1), (NAMES[-1], -1)]
)
def test_one_bit_in_any_piece_is_seen(name, place, instruction_set):
    def change(files, about):
        assert name in about["native"]["pieces"]["sha256"], "the engine that ships has hashes of pieces"
        content = bytearray(files[name])
        content[place] ^= 16
        files[name] = bytes(content)

    with pytest.raises(RuntimeError, match=f"{name}: its SHA-256 is not the one in engine.json"):
        Model(files=altered(change))


@pytest.mark.parametrize("pieces", [{}, [], "16384", {"bytes": 16385, "sha256": {}}, {"bytes": 16384, "sha256": "0"}])
def test_hashes_of_pieces_that_are_none_are_refused(pieces):
    with pytest.raises(RuntimeError, match="pieces are not of bytes and hashes"):
        Model(files=altered(lambda files, about: about["native"].update(pieces=pieces)))


def test_an_engine_without_hashes_of_pieces_has_those_of_its_files():
    Model(files=altered(lambda files, about: about["native"].pop("pieces")))

    def change(files, about):
        about["native"].pop("pieces")
        about["files"]["texts.onnx"] = 64 * "0"

    with pytest.raises(RuntimeError, match=r"texts.onnx: its SHA-256 is not the one"):
        Model(files=altered(change))


def test_a_folder_that_is_no_engine_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="engine.json cannot be read; wanted a file of an engine's folder"):
        Model(tmp_path)


def test_the_body_has_names_and_parents():
    library = native.library()
    library.genmo_joint_name.restype = native.ctypes.c_char_p
    assert [library.genmo_joint_name(joint) for joint in range(-1, 25)] == [None, *(j.encode() for j in JOINTS), None]
    assert [library.genmo_joint_parent(joint) for joint in range(24)] == list(PARENTS)


def built(source, compiler, tmp_path, *options):
    """A program of the header and the library that are here."""
    found = next((name for name in compiler if shutil.which(name)), None)
    if found is None:
        pytest.skip("no compiler is installed")
    library, program = native.library_path(), tmp_path / source.stem
    flags = ("-Wall", "-Wextra", *options, "-I", NATIVE / "include")
    link = (library, f"-Wl,-rpath,{library.resolve().parent}", "-lm", "-lpthread")
    done = subprocess.run([found, *flags, source, "-o", program, *link], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return program


@pytest.mark.end_to_end
def test_the_c_example_writes_the_motion(tmp_path, python):
    source = NATIVE / "examples" / "motion_from_text.c"
    program, out = built(source, ("cc", "gcc", "clang"), tmp_path, "-std=c99", "-Wpedantic"), tmp_path / "walk.bvh"
    done = subprocess.run([program, SHIPPED, "a person walks", "45", out], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"{out}: 45 frames; pelvis ends at"), done.stderr
    expected = python.generate("a person walks", 45)[0].joints_world()
    written = read_bvh(out)
    order = [written.names.index(name) for name in JOINTS]
    assert np.abs(written.kinematics()[1][:, order] / 100 - expected).max() < 1e-4
    refused = subprocess.run([program, tmp_path, "a person walks", "45", out], capture_output=True, text=True)
    assert refused.returncode == 2 and "wanted a file of an engine's folder" in refused.stderr


@pytest.mark.end_to_end
def test_memory_threads_and_damage(tmp_path):
    program = built(NATIVE / "tests" / "generate_test.cpp", ("c++", "g++", "clang++"), tmp_path, "-std=c++17")
    done = subprocess.run([program, SHIPPED, "12"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
