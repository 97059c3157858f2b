"""Sound files of every kind, written here and read back."""

import sys

import numpy as np
import pytest

from genmo.runtime.readers import music
from genmo.runtime.readers.music import read_music, read_sound, resample
from genmo.runtime.support.errors import InputError

soundfile = pytest.importorskip("soundfile", reason='pip install "genmo-motion[music]"')
pytest.importorskip("scipy", reason='pip install "genmo-motion[music]"')


def tone(rate=44100, seconds=1.0, hertz=440.0):
    return 0.4 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(("kind", "error"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.05)])
def test_every_kind_is_read_and_its_channels_averaged(tmp_path, kind, error):
    path = tmp_path / f"tone.{kind}"
    soundfile.write(path, np.stack([tone(), 0.5 * tone()], axis=1), 44100)
    samples, rate = read_sound(path)
    assert rate == 44100 and abs(len(samples) - 44100) <= 2304  # mp3 is padded to whole frames
    near = min(np.abs(samples[shift : shift + 40000] - 0.75 * tone()[:40000]).max() for shift in range(3))
    assert near < error or kind == "mp3"
    renamed = path.rename(tmp_path / "tone.xyz")
    np.testing.assert_array_equal(read_sound(renamed)[0], samples)


def test_the_sound_of_a_video(tmp_path, fuzz):
    pytest.importorskip("av", reason="pip install av")
    (tmp_path / "clip.mp4").write_bytes(fuzz.mp4_sound(np.stack([tone(48000), tone(48000)], axis=1), 48000))
    samples, rate = read_sound(tmp_path / "clip.mp4")
    assert rate == 48000 and abs(len(samples) - 48000) <= 2048
    spectrum = np.abs(np.fft.rfft(samples[4096:36864]))
    assert np.argmax(spectrum) * 48000 / 32768 == pytest.approx(440, abs=1.5)
    assert np.abs(samples).max() == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("rate", "expected"), [(44100, 15360), (48000, 15360), (44100, 22050), (8000, 15360), (22050, 22050)]
)
def test_a_tone_stays_the_same_tone(rate, expected):
    got = resample(tone(rate, 0.5, 1000.0), rate, expected)
    assert len(got) == -(-rate // 2 * expected // rate)
    inside = slice(expected // 20, -expected // 20)
    np.testing.assert_allclose(got[inside], tone(expected, 0.5, 1000.0)[inside][: len(got[inside])], atol=1e-4)


def test_what_is_above_the_new_band_is_gone():
    got = resample(tone(44100, 0.5, 7700.0), 44100, 15360)
    assert np.abs(got[800:-800]).max() < 1e-5
    kept = resample(tone(44100, 0.5, 7000.0), 44100, 15360)
    assert np.abs(kept[800:-800]).max() == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("rate", [44056, 47952, 48001, 96001, 138274, 191999])
def test_an_odd_rate_needs_no_endless_filter(rate, monkeypatch):
    """At 191999 Hz the exact ratio wants 17 million taps."""
    longest = []
    low_pass = music._low_pass
    monkeypatch.setattr(music, "_low_pass", lambda factor: longest.append(factor) or low_pass(factor))
    for expected in (15360, 22050):
        got = resample(tone(rate, 0.25, 1000.0), rate, expected)
        assert abs(len(got) - expected // 4) <= 1 and longest[-1] <= music.MAX_FACTOR
        inside = slice(expected // 20, -expected // 20)
        np.testing.assert_allclose(got[inside], tone(expected, 0.3, 1000.0)[inside][: len(got[inside])], atol=0.1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 48048, 88200, 96000, 176400, 192000])
def test_rates_in_use_are_met_exactly(rate):
    for expected in (15360, 22050):
        up, down = music._ratio(expected, rate)
        assert up * rate == down * expected


def test_features_have_thirty_frames_a_second(tmp_path):
    soundfile.write(tmp_path / "tone.wav", tone(22050, 2.5), 22050)
    features = read_music(tmp_path / "tone.wav")
    assert features.shape == (75, 35) and np.isfinite(features).all()


def test_features_of_somebody_else(tmp_path):
    features = np.random.default_rng(0).normal(0, 1, (9, 438)).astype(np.float32)
    np.save(tmp_path / "x.npy", features)
    np.testing.assert_array_equal(read_music(tmp_path / "x.npy"), features)
    for bad, says in (
        (np.zeros(5), r"are \[5\]"), (np.zeros((0, 35)), r"are \[0, 35\]"), (np.full((2, 2), np.nan), "beyond"),
        (np.array([["a"]]), "wanted numbers"), (np.array([[None]]), "no plain array"),
        (np.zeros((70000, 1), np.float32), "70000 frames"),
    ):  # fmt: skip
        np.save(tmp_path / "x.npy", bad, allow_pickle=True)
        with pytest.raises(InputError, match=says):
            read_music(tmp_path / "x.npy")


def test_what_is_no_music_is_refused(tmp_path, monkeypatch):
    for name, data, says in (
        ("x.mp3", b"hello world, hello", "no known kind"), ("x.wav", b"RIFF\0\0\0\0WAVEfmt ", "wanted music as"),
        ("x.ogg", b"OggS" + b"\0" * 50, "wanted music as"), ("x.mp4", b"\0" * 100, "wanted music as|needs PyAV"),
        ("x.wav", b"", "no known kind"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=says):
            read_sound(tmp_path / name)
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 1)), 44100)
    with pytest.raises(InputError, match="no sound in it"):
        read_sound(tmp_path / "x.wav")
    soundfile.write(tmp_path / "x.wav", tone(), 2000)
    with pytest.raises(InputError, match="1 channels at 2000 Hz; wanted 1 to 32 at 4000 to 192000"):
        read_sound(tmp_path / "x.wav")
    soundfile.write(tmp_path / "x.wav", np.array([0.0, np.nan]), 44100, subtype="FLOAT")
    with pytest.raises(InputError, match="not finite"):
        read_sound(tmp_path / "x.wav")
    monkeypatch.setattr(music, "MAX_SECONDS", 0.5)
    soundfile.write(tmp_path / "x.wav", tone(), 44100)
    with pytest.raises(InputError, match="wanted a shorter piece"):
        read_sound(tmp_path / "x.wav")


@pytest.mark.parametrize(
    ("library", "name", "says"),
    [
        ("soundfile", "x.wav", r'needs soundfile; pip install "genmo-motion\[music\]"'),
        ("scipy.signal", "x.wav", r'needs scipy.*pip install "genmo-motion\[music\]"'),
        ("av", "x.mp4", "needs PyAV; pip install av"),
    ],
)
def test_a_missing_library_is_named_with_its_command(tmp_path, monkeypatch, library, name, says):
    if name == "x.wav":
        soundfile.write(tmp_path / name, tone(), 44100)
    else:
        (tmp_path / name).write_bytes(b"\0" * 100)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=says):
        read_music(tmp_path / name)
