"""`genmo-eval --dance`: a model that dances the real dance is as good as it, another is not."""

from types import SimpleNamespace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.store import Recording
from genmo.train.evaluation.dance import WINDOW, markdown, musical_beats, report, windows_of
from genmo.train.metrics.dance import beat_alignment, kinematic_beats


def dance(random_motion, seed, frames=2 * WINDOW + 20, width=35):
    motion, rng = random_motion(frames, seed), np.random.default_rng(seed)
    music = rng.normal(size=(frames, width))
    music[:, -1] = np.arange(frames) % 15 == 0  # two beats a second
    parts = (motion.rotations, motion.translation, shape_space().offsets(motion.betas))
    arrays = (part.astype(np.float32) for part in parts)
    return Recording(f"set/clip{seed}", "set/d1", (), *arrays, music=music.astype(np.float32))


class Dancer:
    """Answers with the motion that belongs to the music, changed by `change`."""

    def __init__(self, clips, change=lambda rotations: rotations, music_width=35):
        self.engine = SimpleNamespace(config=SimpleNamespace(music_width=music_width))
        self.known, self.change, self.asked = windows_of(clips), change, []

    def follow(self, timeline):
        (span,) = timeline.features
        assert span.name == "music" and timeline.frames == WINDOW
        clip = next(clip for clip in self.known if np.array_equal(clip.music.astype(np.float64), span.values))
        self.asked.append((clip.name, timeline.seed, timeline.steps))
        made = Motion(self.change(clip.rotations.astype(float)), clip.translation.astype(float), offsets=clip.offsets)
        return SimpleNamespace(motions=[made])


@pytest.fixture(scope="module")
def clips(random_motion):
    return [dance(random_motion, seed) for seed in range(3)]


def test_the_real_dance_is_as_good_as_itself(clips):
    model = Dancer(clips)
    result = report(model, clips, rounds=2, steps=7)
    made, real = result["dance"]["genmo"], result["dance"]["real motion"]
    assert result["windows"] == 6 and len(model.asked) == 12 and {a[1:] for a in model.asked} == {(0, 7), (1, 7)}
    for letter in "kg":
        assert made[f"FID_{letter}"].value == pytest.approx(0, abs=1e-3)
        assert made[f"Div_{letter}"].value == pytest.approx(real[f"Div_{letter}"], rel=1e-3)
    for name in ("PFC", "BAS", "BAS, from the music"):
        assert made[name].value == pytest.approx(real[name], rel=1e-3)
    table = markdown(result | {"validation_subjects": ["set/d1"]})
    assert "6 windows of 150 frames of set/d1, 2 rounds" in table and "| real motion |" in table


def test_another_dance_is_not(clips):
    still = Dancer(clips, lambda rotations: np.repeat(rotations[:1], len(rotations), axis=0))
    row = report(still, clips, rounds=1)["dance"]["genmo"]
    assert row["FID_k"] > 1 and row["FID_g"] > 1  # numbers, of the only round


def test_beats_are_those_of_the_music(clips):
    window = windows_of(clips)[0]
    np.testing.assert_allclose(musical_beats(window.music), np.arange(10) / 2)
    joints = Motion(window.rotations, window.translation, offsets=window.offsets).joints_world()
    rows = report(Dancer(clips), clips, rounds=1)["dance"]["real motion"]
    every = [
        beat_alignment(
            kinematic_beats(Motion(w.rotations, w.translation, offsets=w.offsets).joints_world(), 30),
            musical_beats(w.music),
        )
        for w in windows_of(clips)
    ]
    assert rows["BAS"] == pytest.approx(np.mean(every), rel=1e-3) and len(joints) == WINDOW


def test_other_features_have_no_beats(random_motion):
    clips = [dance(random_motion, seed, width=12) for seed in range(2)]
    row = report(Dancer(clips, music_width=12), clips, rounds=1)["dance"]["genmo"]
    assert "BAS" not in row and "PFC" in row


def test_what_cannot_be_measured_is_refused(clips, random_motion):
    with pytest.raises(InputError, match="takes no music"):
        report(Dancer(clips, music_width=0), clips)
    with pytest.raises(InputError, match="0 windows of 150 frames with music"):
        windows_of([dance(random_motion, 0, frames=WINDOW - 1)])
