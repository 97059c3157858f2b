"""Takes in libgenmo: what motions do, what texts say, and the take that is kept, against the runtime."""

import io
import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.traits import STEPS, steps_over
from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.text_conditions import LEAST_SAID
from genmo.runtime.engine.text_reader import Layer, reader_file
from genmo.runtime.motion.packed import unpacked
from genmo.runtime.motion.rotation import quaternion_from_matrix
from genmo.runtime.refine.takes import ABOUT_EQUAL, APART, CHOSEN, NEAR_FLOOR, TAKES, TAKES_BETWEEN
from genmo.runtime.support import native
from genmo.runtime.support.errors import BackendError
from tests.kernels.native_abi import Model, traits
from tests.train.made_motions import arm, joints_of, jumping, made, seated

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

NAMES = (
    "engine.json", "conditions.onnx", "texts.onnx", "step.onnx", "text_encoder.npz", "text_vocabulary.txt",
    "text_reader.npz", "examples.npz",
)  # fmt: skip
PROMPTS = (
    "a person walks forward", "a man raises his left arm", "someone jumps twice", "a woman kicks with the right leg",
    "a person turns left by 90 degrees, then walks", "counterclockwise", "“left”, éleft, LEFT-handed, Rightwards!",
    "he claps his hands while walking backwards and then sits down on a chair and stands up again and leaves quickly",
    "x", "anticlockwise and clockwise",
)  # fmt: skip


def test_takes_are_chosen_by_the_numbers_of_the_runtime():
    folder = Path(__file__).parents[2] / "kernels" / "native" / "src" / "sampling"
    source = "".join((folder / name).read_text() for name in ("takes.h", "takes.cpp"))
    found = dict(re.findall(r"\bk(\w+) = ([\d.]+)[,;]", source))
    ours = {
        "LeastSaid": LEAST_SAID, "AboutEqual": ABOUT_EQUAL, "Chosen": CHOSEN, "Apart": APART, "NearFloor": NEAR_FLOOR,
        "UsualTakes": TAKES, "UsualTakesBetween": TAKES_BETWEEN,
    }  # fmt: skip
    assert {name: float(found[name]) for name in ours} == ours


def steps_of(joints, start, end):
    return steps_over(measure(motion_signals(joints).span(start, end)))


def mismatches(joints, start=0, end=None):
    end = len(joints) if end is None else end
    over, expected = traits(joints, start, end, STEPS), steps_of(joints, start, end)
    return [name for name, ours, theirs in zip(STEPS, over, expected, strict=True) if ours != theirs]


def test_what_examples_do_is_what_numpy_finds(python):
    """Real motions: every fifteenth example that ships, whole and in part."""
    found = np.zeros(len(STEPS), bool)
    for coefficients in python.engine.examples.coefficients[::15]:
        joints = unpacked(coefficients).joints_world()
        assert not mismatches(joints) and not mismatches(joints, 31, 77)
        found |= steps_of(joints, 0, len(joints))
    assert found.mean() > 0.75, "most traits are had by one of them"


def test_what_made_and_random_motions_do_is_what_numpy_finds():
    clips = [
        made(), made(speed=2.6, turn=-300), made(speed=0.6, towards=-90), made(pose=arm("right", 170)), seated(),
        made(pose=arm("left", 80 + 30 * np.sin(np.arange(60)))), jumping(90, [20, 50]), made(frames=14, turn=20),
    ]  # fmt: skip
    random = np.random.default_rng(3)
    walks = [np.cumsum(random.normal(0, size, (40, 24, 3)), axis=0) for size in (0.001, 0.01, 0.1) for _ in range(4)]
    shaken = [joints_of(clip) + 0.02 * random.standard_normal((clip.frames, 24, 3)) for clip in clips]
    for joints in (*map(joints_of, clips), *shaken, *walks, *random.standard_normal((4, 25, 24, 3))):
        assert not mismatches(joints)


def test_traits_are_those_of_these_names_alone():
    none = ["speed>0.45", "speed", "speed>", "speed_left>0.4", "turn>85", "turn_up>85", ""]
    assert traits(joints_of(made(speed=1.0)), 0, 60, ["speed>0.4", "turn_left>85", *none]).tolist() == [1, 0, *[2] * 7]
    with pytest.raises(ValueError, match="frames 0 to 13; wanted at least 14 of 0 to 60"):
        traits(joints_of(made()), 0, 13, STEPS)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_texts_say_what_they_say_in_python(prompt, python, model):
    reader = python.engine.text_reader
    expected = reader.read(prompt)
    weights, amount = model.said(prompt, len(reader.traits))
    assert np.abs(weights - expected.weights).max() < 1e-4 and amount == pytest.approx(expected.amount, abs=1e-3)


CASES = {
    "kick": ([("a person kicks with the left leg", 0, 0)], 60, {"seed": 1}),
    "raise": ([("a person raises the right arm", 0, 0)], 50, {"seed": 2}),
    "in order": ([("a person walks forward, then sits down", 0, 0)], 100, {"seed": 3}),
    "arms apart": ([("a person walks while waving", 0, 0)], 60, {"seed": 4}),
    "waves, so that who stands would win": (
        [("a person walks forward while waving with the right hand", 0, 0)],
        60,
        {"seed": 5},
    ),
    "spans": ([("a man jumps", 0, 50), ("a man turns right", 40, 0)], 80, {"seed": 5, "sample": 1, "tries": 3}),
    "sides": ([("a person steps to the left", 0, 0)], 60, {"seed": 2**33, "tries": 4}),
    "nothing that is measured": ([("a person", 0, 0)], 20, {}),
    "short": ([("a person jumps", 0, 0)], 10, {"tries": 3}),
}
STEPS_OF_NETWORK = 2


def kept_by_python(model, texts, frames, sample=0, tries=None, **options):
    texts = [Text(prompt, start, end or None) for prompt, start, end in texts]
    return model.generate(texts, frames, samples=sample + 1, tries=tries, steps=STEPS_OF_NETWORK, **options)[sample]


def kept(model, texts, frames, tries=0, **options):
    return model.generate(texts, frames, tries=tries, steps=STEPS_OF_NETWORK, **options)


def millimetres_off(arrays, motion):
    return 1000 * np.linalg.norm(arrays["joints"] - motion.joints_world(), axis=-1)


def assert_same(arrays, motion):
    off = millimetres_off(arrays, motion)
    assert off.mean() <= 0.002 and off.max() <= 0.05


def without(*names):
    """The shipped engine in memory, without some of its files."""
    return {name: (SHIPPED / name).read_bytes() for name in NAMES if name not in names}


@pytest.mark.parametrize("examples", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_the_take_that_python_keeps_is_kept(name, examples, python, model):
    texts, frames, options = CASES[name]
    if examples:
        assert_same(kept(model, texts, frames, **options), kept_by_python(python, texts, frames, **options))
        return
    plain = replace(python, engine=replace(python.engine, read_examples=None))
    with Model(files=without("examples.npz")) as opened:
        made = kept(opened, texts, frames, **options)
    assert_same(made, kept_by_python(plain, texts, frames, **options))


def test_examples_stand_for_texts_alone(python, model):
    """With a place to be at there are takes, without an example."""
    places = JointTargets(np.array([30]), np.array([0]), np.array([[0.4, np.nan, 0.8]]))
    timeline = Timeline(50, (Text("a person steps to the left"),), seed=6, steps=STEPS_OF_NETWORK, places=places)
    targets = {"targets": [(30, 0, (0.4, np.nan, 0.8))]}
    made = kept(model, [("a person steps to the left", 0, 0)], 50, tries=3, seed=6, constraints=targets)
    assert_same(made, python.follow(timeline, tries=3).motions[0])


@pytest.mark.parametrize("text", ["a person kicks with the left leg", "a person"])
def test_between_keyframes_the_take_that_python_keeps_is_kept(text, python, model):
    """Whether texts say something that can be measured or not."""
    (walk,) = python.generate("a person walks", 60, seed=3, tries=1)
    frames = np.array([0, 1, 2, 30, 56, 58])
    keyframes = Keyframes(frames, walk.rotations[frames], walk.translation[frames])
    timeline = Timeline(60, (Text(text),), seed=6, steps=STEPS_OF_NETWORK, keyframes=keyframes)
    poses = np.roll(quaternion_from_matrix(keyframes.rotations), -1, axis=-1).astype(np.float32)
    constraints = {"keyframes": list(zip(frames.tolist(), poses, keyframes.root.astype(np.float32), strict=True))}
    options = {"seed": 6, "constraints": constraints}
    best, first, few = (kept(model, [(text, 0, 0)], 60, tries=tries, **options) for tries in (0, 1, 3))
    assert_same(best, python.follow(timeline).motions[0])
    assert np.abs(best["joints"] - first["joints"]).max() > 0.05, "another take is kept"
    if text == "a person":  # says nothing, so that a reader has nothing to tell
        with Model(files=without("text_reader.npz", "examples.npz")) as plain:
            one, same = (kept(plain, [(text, 0, 0)], 60, tries=tries, **options) for tries in (0, 3))
        assert (one["joints"] == first["joints"]).all() and (same["joints"] == few["joints"]).all()


def test_one_take_is_made_without_a_reader_and_of_programs_that_know_of_none(model):
    texts, frames, options = CASES["kick"]
    first, best = (kept(model, texts, frames, tries=tries, **options)["joints"] for tries in (1, 0))
    assert np.abs(first - best).max() > 0.05, "another take is kept"
    earlier = [kept(model, texts, frames, earlier=field, **options)["joints"] for field in ("tries", "keyframe_count")]
    with Model(files=without("text_reader.npz", "examples.npz")) as plain:
        assert all((made == first).all() for made in (*earlier, kept(plain, texts, frames, **options)["joints"]))
        with pytest.raises(BackendError, match="this engine has no reader of texts"):
            plain.said("a person walks", 3)


def test_progress_rises_over_all_takes(model):
    shares = []
    model.generate("a person kicks", 20, steps=2, tries=3, progress=lambda share: shares.append(share) or 0)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) == 7
    for tries in (-1, 65):
        with pytest.raises(ValueError, match=f"tries is {tries}; wanted 1 to 64, or 0 for the usual number"):
            model.generate("a person kicks", 20, tries=tries)


def opened_with(name, content, **options):
    files = without() | {name: content}
    about = json.loads(files["engine.json"])
    about["files"][name] = sha256(content).hexdigest()
    return Model(files=files | {"engine.json": json.dumps(about).encode()}, **options)


def saved(save=np.savez_compressed, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def arrays_of(name):
    with np.load(io.BytesIO((SHIPPED / name).read_bytes())) as file:
        return dict(file)


def test_a_reader_of_another_size_and_one_that_is_not_packed_are_read(python):
    """A reader that was taught again has other layers; files may be stored or packed."""
    reader = python.engine.text_reader
    first, middle, last = reader.layers
    twice = {name: np.concatenate([getattr(middle, name)] * 2, axis=-1) for name in ("weights", "scales", "bias")}
    wide = replace(reader, layers=(first, Layer(**twice), replace(last, weights=np.concatenate([last.weights] * 2))))
    stored = saved(np.savez, **arrays_of("text_reader.npz"))
    for content, expected in ((reader_file(wide), wide), (stored, reader)):
        with opened_with("text_reader.npz", content) as model:
            weights, amount = model.said(PROMPTS[1], len(reader.traits))
        assert np.abs(weights - expected.read(PROMPTS[1]).weights).max() < 1e-3


def assert_takes_are_refused(name, content, message):
    """It opens for everything else; takes are refused each time, and opening is where their memory is reserved."""
    with opened_with(name, content) as model:
        model.generate("a person walks", 14, steps=1, tries=1)
        for _ in range(2):
            with pytest.raises(RuntimeError, match=message):
                model.generate("a person walks", 14, steps=1, tries=2)
        with pytest.raises(RuntimeError, match=message):
            model.said("a person walks", 203)
    with pytest.raises(RuntimeError, match=message):
        opened_with(name, content, reserve=14)


@pytest.mark.parametrize(
    "change",
    [
        {"names": np.frombuffer(b"speed>0.4\nspeed>0.4", np.uint8)},
        {"names": np.frombuffer(b"turn_left>85", np.uint8)},
        {"tokens": np.zeros((3, 4), np.int8)},
        {"text": np.zeros((4, 4), np.float32)},
        {"usual": np.full(203, np.nan, np.float32)},
        {"trust": np.zeros(7, np.float32)},
        None,
    ],
)
def test_a_reader_that_is_none_is_refused_in_a_sentence(change):
    content = b"PK" if change is None else saved(**(arrays_of("text_reader.npz") | change))
    assert_takes_are_refused("text_reader.npz", content, "text_reader is not a reader of texts; export the engine")


def test_a_reader_whose_numbers_are_too_large_keeps_the_first_take():
    """Weights that are infinite agree with no motion by a number."""
    arrays = arrays_of("text_reader.npz")
    arrays |= {"usual": np.full(203, -2e19, np.float32), "trust": np.full(203, 3e38, np.float32)}
    with opened_with("text_reader.npz", saved(**arrays)) as model:
        weights, _ = model.said("a person jumps", 203)
        one, several = (model.generate("a person jumps", 20, steps=1, tries=tries) for tries in (1, 3))
    assert not np.isfinite(weights).any() and (one["joints"] == several["joints"]).all()


def test_packed_bytes_that_are_damaged_are_refused():
    content = bytearray((SHIPPED / "text_reader.npz").read_bytes())
    content[2000:2040] = bytes(40)
    assert_takes_are_refused("text_reader.npz", bytes(content), "text_reader is not a reader of texts")
    with pytest.raises(RuntimeError, match=r"text_reader.npz: its SHA-256 is not the one"):
        Model(files=without() | {"text_reader.npz": bytes(content)})


@pytest.mark.parametrize(
    "change",
    [
        {"traits": np.frombuffer(b"speed>0.41", np.uint8)},
        {"start": np.full(2450, 61, np.uint8)},
        {"length": np.full(2450, 60, np.uint8)},
        {"example": np.full(2450, 350, np.uint16)},
        {"coefficients": np.full((60, 76, 350), 4001, np.int16)},
        {"coefficients": np.zeros((60, 75, 350), np.int16)},
        {"does": np.zeros((2450, 3), np.uint8)},
    ],
)
def test_examples_that_are_none_are_refused_in_a_sentence(change):
    content = saved(np.savez, **(arrays_of("examples.npz") | change))
    assert_takes_are_refused("examples.npz", content, "examples are not example motions of an engine; export the")
