"""An engine of motion tokens makes motions of texts and keyframes, in Python and from the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime import token_model
from genmo.runtime.actions.agreement import agreement
from genmo.runtime.cli.run import main
from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.conditions.revision import Revision
from genmo.runtime.conditions.spans import KeypointSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED, engine_folder
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.example_file import open_examples
from genmo.runtime.engine.text_conditions import said_by, text_notes
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.text_reader import open_reader
from genmo.runtime.motion.token_features import to_features
from genmo.runtime.refine.token_takes import TAKES
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import TokenModel


@pytest.fixture(scope="module")
def model(token_engine):
    return TokenModel.load(token_engine, threads=1)


def test_the_same_seed_is_the_same_motion(model):
    """And a sample is its own, however many there are."""
    (one,) = model.generate("a person walks", 50, seed=3)
    again, second = model.generate("a person walks", 50, seed=3, samples=2)
    assert one.frames == 50 and np.isfinite(one.joints_world()).all()
    assert again.joints_world() == pytest.approx(
        one.joints_world(), abs=1e-4
    )  # products of other sizes round otherwise
    assert np.array_equal(model.generate("a person walks", 50, seed=3)[0].rotations, one.rotations)
    assert not np.array_equal(second.rotations, one.rotations)
    assert not np.array_equal(model.generate("a person walks", 50, seed=4)[0].rotations, one.rotations)


@pytest.fixture(scope="module")
def choosing(model):
    """With the reader and the examples of the engine that ships, which has the same vectors of words."""
    reader = open_reader(SHIPPED / READER, model.engine.text_encoder)
    engine = replace(model.engine, text_reader=reader, read_examples=lambda: open_examples(SHIPPED / EXAMPLES))
    return replace(model, engine=engine)


def test_the_best_of_several_takes_is_kept(choosing, monkeypatch):
    """Told apart by what the text says; the first half as if it were alone, the others from examples."""
    asked = []

    def keep(number):
        def chosen(joints, said, references, taste):
            asked.append((len(joints), [bool(spans) for spans in references], len(said)))
            return number

        monkeypatch.setattr(token_model, "best_number", chosen)
        return choosing.generate("a person walks forward", 64, seed=3, tries=4, samples=2)

    first, last = keep(0), keep(3)
    assert asked[0] == (4, [False, False, True, True], 1) and len(asked) == 4
    (alone,) = choosing.generate("a person walks forward", 64, seed=3, tries=1)
    assert len(asked) == 4, "nothing to choose"
    assert first[0].joints_world() == pytest.approx(alone.joints_world(), abs=1e-4)
    assert not np.array_equal(first[0].rotations, first[1].rotations)
    assert not np.array_equal(first[0].rotations, last[0].rotations)
    choosing.generate("a person walks forward", 32)
    assert asked[-1][0] == TAKES
    monkeypatch.setattr(token_model, "said_by", lambda engine, texts, frames: ())
    choosing.generate("a person dances", 32)
    assert len(asked) == 5, "of what says nothing that can be measured one take is made"


def test_tries_count_beside_keyframes_too(choosing, random_motion, monkeypatch):
    """There they are told apart by the keyframes, and none has an example."""
    asked = []
    monkeypatch.setattr(token_model, "best_try", lambda features, keyframes: asked.append(len(features)) or 0)
    truth = random_motion(32, 0)
    keys = Keyframes(np.arange(8), truth.rotations[:8], truth.translation[:8])
    for tries in (None, 3, 1):
        choosing.follow(Timeline(32, (Text("a person walks"),), keyframes=keys), tries=tries)
    assert asked == [8, 3]
    with pytest.raises(InputError, match="tries is 0; wanted 1 or more"):
        choosing.generate("a person walks", 32, tries=0)


def test_texts_guidance_and_steps_are_heard(model):
    def made(text, **options):
        return model.generate(text, 32, **options)[0].rotations

    plain = made("a person walks")
    assert not np.array_equal(made("somebody jumps"), plain)
    assert not np.array_equal(made("a person walks", guidance=5.0), plain)
    assert not np.array_equal(made("a person walks", steps=2), plain)


def test_long_motions_and_several_texts(model):
    """Longer than any window: 8 tokens are 32 frames; actions in order get frames of their own."""
    result = model.follow(Timeline(150, (Text("a person walks, then sits down"),)))
    assert result.motions[0].frames == 150 and "is 2 texts in order" in result.notes[0]
    for frames in (1, 2, 3, 5):
        assert model.generate("a person walks", frames)[0].frames == frames


@pytest.mark.parametrize("given", [range(24), range(40, 64), [*range(20), *range(44, 64)], [0, 31, 63]])
def test_keyframes_are_met_exactly(model, random_motion, given):
    """Prefix, suffix, both ends, single ones."""
    truth = random_motion(64, 0)
    frames = np.array(given, np.int64)
    keys = Keyframes(frames, truth.rotations[frames], truth.translation[frames])
    result = model.follow(Timeline(64, (Text("a person walks"),), keyframes=keys))
    (motion,) = result.motions
    assert np.array_equal(motion.rotations[frames], keys.rotations)
    assert np.array_equal(motion.translation[frames], keys.root)
    assert result.errors[0].keyframes == pytest.approx(0, abs=1e-6)


def test_who_rests_is_steady_but_for_frames_that_are_given(model, random_motion, monkeypatch):
    """With a filter that makes everybody stand still, only frames that are given move."""
    monkeypatch.setattr(token_model, "steadied", lambda features, layout: np.zeros_like(features) + features[:1])
    free = model.generate("a person walks", 32, clean_feet=False)[0]
    assert np.ptp(free.rotations[:, 1:], axis=0).max() < 1e-6
    keys = Keyframes(np.arange(4), random_motion(4, 1).rotations, root=np.zeros((4, 3)))
    held = model.follow(Timeline(32, (Text("a person walks"),), keyframes=keys)).motions[0]
    assert np.ptp(held.rotations[24:, 1:], axis=0).max() > 1e-3


def test_given_frames_are_kept_as_tokens(model, random_motion, monkeypatch):
    """What is filled in sees the tokens of the given frames, as they are encoded alone."""
    truth = random_motion(32, 0)
    frames = np.arange(16)
    seen = []
    network = type(model.graphs).__call__

    def spy(self, ids, *others):
        seen.append(ids)
        return network(self, ids, *others)

    monkeypatch.setattr(type(model.graphs), "__call__", spy)
    keys = Keyframes(frames, truth.rotations[frames], truth.translation[frames])
    model.follow(Timeline(32, (Text("a person walks"),), keyframes=keys))
    # the features of the 16 frames alone, whose last step repeats the one before it
    alone = to_features(keys.rotations, keys.root)
    expected = model.graphs.encode(model.engine.normalisation.normalised(alone).astype(np.float32)[None])[0]
    mask = model.engine.config.mask_id
    window = seen[0][0]
    assert (window[: len(window) - 1] == mask).all(axis=-1).sum() == 4
    known = window[: window[:, 0].tolist().index(mask)]
    assert known.tolist() == expected[-len(known) :].tolist()


def test_it_estimates_nothing(model):
    with pytest.raises(InputError, match="estimates nothing from keypoints"):
        model.follow(
            Timeline(30, keypoints=(KeypointSpan(Keypoints(np.ones((30, 17, 3)), default_intrinsics(640, 480))),))
        )
    with pytest.raises(InputError, match="samples is 0"):
        model.generate("a person walks", 20, samples=0)
    for steps in (0, -1, 1001):  # 0 fills in nothing, millions never end
        with pytest.raises(InputError, match=f"--steps is {steps}; wanted 1 to 1000"):
            model.generate("a person walks", 20, steps=steps)
    with pytest.raises(InputError, match="text is ''; wanted at least one word"):
        model.follow(Timeline(30, (Text(""),)))


def test_the_command_line(token_engine, tmp_path, capsys):
    out = tmp_path / "walk.npz"
    options = ["--engine", str(token_engine), "--text", "a person walks", "--frames", "40", "--threads", "1", "--json"]
    assert main([*options, "--out", str(out)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 40 and facts["backend"] == "onnxruntime" and out.is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "fp32"], "--precision is not for engines of motion tokens"),
        (["--backend", "native"], "motion tokens run in onnxruntime, openvino, tensorrt"),
        (["--chunk", "30"], "--chunk is not for engines of motion tokens"),
    ],
)
def test_what_it_has_no_use_for_is_one_line(token_engine, tmp_path, capsys, options, said):
    command = ["--engine", str(token_engine), "--text", "a person walks", "--out", str(tmp_path / "x.npz")]
    assert main([*command, *options]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "x.npz").exists()


def test_the_engine_that_ships(tmp_path):
    """By its name: it fills a gap of somebody who walks, and the arms of a walk, and stays small."""
    folder = engine_folder("tokens")
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) <= 15e6
    shipped = TokenModel.load("tokens", threads=1)
    assert text_notes(shipped.engine, [Text("a person walks forward and waves with both hands")]) == []
    (note,) = text_notes(shipped.engine, [Text("qwertyzxcv zxcvbqwerty")])
    assert "was not trained on ('qwertyzxcv', 'zxcvbqwerty'); it knows: " in note
    (walk,) = shipped.generate("a person walks", 90, seed=1)
    forward = np.linalg.norm(walk.translation[-1, ::2] - walk.translation[0, ::2])
    assert forward > 1.0 and np.abs(walk.translation[:, 1] - 0.9).max() < 0.2
    said = said_by(shipped.engine, (Text("kicks with the left leg"),), 90)
    one, best = (shipped.generate("kicks with the left leg", 90, tries=tries)[0].joints_world() for tries in (1, None))
    assert agreement(best, said) > agreement(one, said) + 2
    kept = np.r_[0:30, 60:90]
    keys = Keyframes(kept, walk.rotations[kept], walk.translation[kept])
    (filled,) = shipped.follow(Timeline(90, (Text("a person walks"),), keyframes=keys)).motions
    assert np.array_equal(filled.rotations[kept], walk.rotations[kept])
    away = np.linalg.norm(filled.joints_world() - walk.joints_world(), axis=-1)
    assert away[30:60].mean() < 0.25  # of somebody who goes on walking
    arms = Revision(walk.rotations, walk.translation, 0, 90, ("left arm", "right arm"))
    (waving,) = shipped.follow(
        Timeline(90, (Text("a person waves with both hands"),), revision=arms, guidance=3.0)
    ).motions
    assert np.array_equal(waving.rotations[:, :13], walk.rotations[:, :13])
    assert not np.array_equal(waving.rotations[:, 16:18], walk.rotations[:, 16:18])
