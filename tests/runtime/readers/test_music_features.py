"""Music features against librosa, scipy, and sounds whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.conditions.music_columns import COLUMNS, MUSIC_WIDTH
from genmo.runtime.readers import music_features as music
from genmo.runtime.readers.music_features import HOP, RATE, TEMPO_RATE, music_features
from genmo.runtime.support.errors import InputError

ANSWERS = Path(__file__).with_name("librosa_answers.npz")
TRACKS = sorted((Path(__file__).resolve().parents[4] / "shared" / "data" / "music").glob("*.ogg"))


def clicks(seconds, bpm, rate=RATE, seed=0):
    """Short bursts of noise on the beat, a chord under them."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    since = np.mod(time, 60 / bpm)
    chord = sum(np.sin(2 * np.pi * f * time) for f in (261.63, 329.63, 392.0))
    return 0.3 * rng.normal(0, 1, len(time)) * np.exp(-60 * since) + 0.05 * chord


def features_of(seconds, bpm):
    return music_features(clicks(seconds, bpm), clicks(seconds, bpm, TEMPO_RATE))


def test_the_columns_are_those_of_edge():
    widths = [columns.stop - columns.start for columns in COLUMNS.values()]
    assert widths == [1, 20, 12, 1, 1] and sum(widths) == MUSIC_WIDTH == 35
    assert RATE / HOP == 30


@pytest.mark.parametrize("bpm", [90, 100, 120])
def test_beats_fall_on_the_clicks(bpm):
    result = np.flatnonzero(features_of(20, bpm)[:, COLUMNS["beats"]][:, 0])
    clicks_ = np.arange(0, 20, 60 / bpm) * 30
    distances = np.abs(result[:, None] - clicks_).min(axis=1)
    # the envelope's delay is half a window less one frame: a burst shows in the frame whose window it enters
    assert distances.max() <= 2 and np.ptp(distances) <= 1.5
    np.testing.assert_allclose(np.diff(result), 1800 / bpm, atol=1)
    assert len(result) >= len(clicks_) - 4


def test_onsets_are_where_the_sound_rises():
    result = np.flatnonzero(features_of(10, 60)[:, COLUMNS["onsets"]][:, 0])
    assert np.abs(result[:, None] - 30 * np.arange(1, 10)).min(axis=0).max() <= 2


def test_a_chord_shows_as_its_notes():
    time = np.arange(5 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in (261.63, 329.63, 392.0))  # C, E, G
    chroma = music.chroma(chord, music.tuning(chord))[60]
    assert set(np.argsort(chroma)[-3:]) == {0, 4, 7}
    np.testing.assert_allclose(np.linalg.norm(chroma), 1)


@pytest.mark.parametrize("cents", [-14, 0, 12])
def test_tuning_is_heard(cents):
    """A bin is 33.3 cents: tones that many off show as that part of a bin, in hundredths rounded down."""
    time = np.arange(3 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 440 * 2 ** ((cents / 100 + note) / 12) * time) for note in (0, 4, 7, 12))
    assert music.tuning(tones) == pytest.approx(
        cents * 36 / 1200, abs=0.06
    )  # the parabola through a peak leans by that much


def test_silence_and_short_sounds_are_finite():
    for samples in (1, 511, 512, 513, 2048, 5000):
        for sound in (np.zeros(samples), np.ones(samples), np.random.default_rng(0).normal(0, 1, samples)):
            features = music_features(sound, np.resize(sound, samples * TEMPO_RATE // RATE + 1))
            assert features.shape == (max(1, samples // HOP), 35) and np.isfinite(features).all()
    quiet = music_features(np.zeros(30 * HOP), np.zeros(30 * 735))
    assert (quiet[:, [0, 33, 34]] == 0).all() and (quiet[:, COLUMNS["chroma"]] == 0).all()


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((5, 2)), np.array([np.nan])])
def test_bad_samples_are_refused(samples):
    with pytest.raises(InputError, match="wanted at least one, all finite, of one channel"):
        music_features(samples, samples)


def test_batches_change_nothing(monkeypatch):
    sound = clicks(6, 120)
    whole = music_features(sound, clicks(6, 120, TEMPO_RATE))
    monkeypatch.setattr(music, "_BATCH", 37)
    np.testing.assert_allclose(music_features(sound, clicks(6, 120, TEMPO_RATE)), whole, atol=1e-9)


def test_windows_and_cosines_are_those_of_scipy():
    scipy_fft = pytest.importorskip("scipy.fft")
    from scipy.signal.windows import hann

    decibels = np.random.default_rng(0).normal(0, 20, (7, 128))
    np.testing.assert_allclose(music.mfcc(decibels), scipy_fft.dct(decibels, norm="ortho")[:, :20], atol=1e-10)
    for size in (5, 2048):
        np.testing.assert_allclose(music.hann(size), hann(size, sym=False), atol=1e-12)


def test_best_paths_against_every_path():
    """Brute force: the best chain of beats that ends in each frame, by recursion over all steps."""
    rng = np.random.default_rng(0)
    score, period = rng.uniform(0.1, 10, 26), 6.0
    links, totals = music._best_paths(score, period)

    def best(frame):
        gains = [best(frame - step) - 100 * np.log(step / period) ** 2 for step in range(3, 13) if frame - step >= 0]
        return score[frame] + (max(gains) if gains else 0)

    np.testing.assert_allclose(totals, [best(frame) for frame in range(26)])
    for frame in range(26):
        before = links[frame]
        if before >= 0:
            gain = totals[before] - 100 * np.log((frame - before) / period) ** 2
            assert totals[frame] == pytest.approx(score[frame] + gain)


# --- librosa -----------------------------------------------------------------------------------------------------


def edge_features(librosa, sound, slow):
    """The five parts as EDGE computes them with librosa."""
    envelope = librosa.onset.onset_strength(y=sound, sr=RATE)
    start = librosa.feature.tempo(y=slow)[0]
    return {
        "onset_envelope": envelope[:, None],
        "mfcc": librosa.feature.mfcc(y=sound, sr=RATE, n_mfcc=20).T,
        "chroma": librosa.feature.chroma_cens(y=sound, sr=RATE, hop_length=HOP).T,
        "onsets": librosa.onset.onset_detect(onset_envelope=envelope, sr=RATE, hop_length=HOP),
        "beats": librosa.beat.beat_track(
            onset_envelope=envelope, sr=RATE, hop_length=HOP, start_bpm=start, tightness=100
        )[1],
    }


def compare(features, expected, limit):
    """Largest difference over largest value below `limit`; onsets within a few, beats within a frame for 95 %."""
    frames = len(features)
    for name in ("onset_envelope", "mfcc"):
        part = expected[name][:frames]
        assert np.abs(features[:, COLUMNS[name]] - part).max() < limit * np.abs(part).max(), name
    chroma = expected["chroma"][:frames]
    assert np.abs(features[:, COLUMNS["chroma"]] - chroma).mean() < 0.02
    for name in ("onsets", "beats"):
        result, expected_frames = (
            np.flatnonzero(features[:, COLUMNS[name]][:, 0]),
            expected[name][expected[name] < frames],
        )
        distances = np.abs(result[:, None] - expected_frames)
        assert (distances.min(axis=1) <= 1).mean() >= 0.95 and (distances.min(axis=0) <= 1).mean() >= 0.95, name


@pytest.fixture(scope="module")
def librosa():
    return pytest.importorskip("librosa", reason="librosa is the reference: pip install librosa")


@pytest.fixture(scope="module")
def answers():
    """librosa's answers to `tune` and `notes`, kept in a file: importing librosa compiles it, for 10 seconds."""
    with np.load(ANSWERS) as file:
        return dict(file)


def tune():
    return clicks(8, 112), clicks(8, 112, TEMPO_RATE)


def notes():
    return clicks(2, 100)


def librosa_cqt(librosa, sound):
    """Amplitudes [frames, 252], 36 to an octave."""
    options = {"hop_length": HOP, "n_bins": 252, "bins_per_octave": 36, "tuning": 0.1, "sparsity": 0}
    return np.abs(librosa.cqt(sound, sr=RATE, **options)).T


def test_a_made_up_tune_sounds_the_same_to_librosa(answers):
    compare(music_features(*tune()), answers, 1e-5)


def test_the_constant_q_transform_is_librosas(answers):
    expected, got = answers["cqt"].astype(np.float64), music.constant_q(notes(), 0.1)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 5e-3 * expected.max()  # its resampler between octaves is another


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_answers_of_librosa_are_those_in_the_file(librosa, answers):
    """To the precision that they are kept in.  `write_answers` makes the file anew."""
    for name, expected in made_answers(librosa).items():
        np.testing.assert_allclose(answers[name], expected, atol=1e-3 * np.abs(expected).max(), err_msg=name)


def made_answers(librosa):
    answers = edge_features(librosa, *tune()) | {"cqt": librosa_cqt(librosa, notes())}
    small = {"cqt": np.float16, "chroma": np.float16, "mfcc": np.float32, "onset_envelope": np.float32}
    return {name: values.astype(small.get(name, np.int32)) for name, values in answers.items()}


def write_answers(librosa):
    np.savez_compressed(ANSWERS, **made_answers(librosa))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not TRACKS, reason="the five tracks are not here")
@pytest.mark.parametrize("track", TRACKS, ids=lambda path: path.stem[:20])
def test_real_music_read_by_both_from_the_file(librosa, track):
    """librosa decodes and resamples itself (soxr), we through soundfile and scipy."""
    from genmo.runtime.readers.music import read_music

    features = read_music(track)
    compare(features, edge_features(librosa, librosa.load(track, sr=RATE)[0], librosa.load(track)[0]), 1e-3)
