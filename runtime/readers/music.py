"""Sound files as music features: wav, flac, ogg and mp3 through soundfile, the sound of videos through PyAV.

pip install "genmo-motion[music]"     soundfile and scipy; PyAV (`av`) besides, for mp4, mov, m4a, mkv and webm
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.music_columns import MUSIC_WIDTH
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.readers.music_features import RATE, TEMPO_RATE, music_features
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import numbers, open_file, read_npy_file

WANTED = "music as wav, flac, ogg, mp3 or mp4, or features as .npy"
INSTALL = 'pip install "genmo-motion[music]"'
INSTALL_VIDEO = "pip install av"
LOWEST_RATE, HIGHEST_RATE = 4000, 192_000
MAX_CHANNELS = 32
MAX_FACTOR = 4096
"""Steps up or down at most, 90 taps of the filter for each; 48048 Hz of film needs 1144."""
MAX_SECONDS = MAX_FRAMES / FPS
_BLOCK = 65536  # samples decoded at a time
_VIDEOS = (".mp4", ".m4a", ".mov", ".mkv", ".webm", ".avi", ".aac")


def read_music(path: str | Path) -> Array:
    """Music features [frames, width] at 30 fps: 35 of EDGE from a sound file, or those stored in an `.npy`.

    Raises InputError when the file cannot be read, is longer than a motion can be, or a library is missing.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return read_features(path)
    samples, rate = read_sound(path)
    return music_features(resample(samples, rate, RATE), resample(samples, rate, TEMPO_RATE))


def read_features(path: Path) -> Array:
    """Features [frames, width] that somebody computed, at 30 fps, from an `.npy`.  Raises InputError for another."""
    features = read_npy_file(path, WANTED)
    if features.ndim != 2 or features.size == 0:
        raise InputError(f"{path}: features are {list(features.shape)}; wanted [frames, {MUSIC_WIDTH}]")
    if len(features) > MAX_FRAMES:
        raise InputError(f"{path}: {len(features)} frames; wanted 1 to {MAX_FRAMES}, 30 a second")
    return numbers(features, str(path))


def read_sound(path: Path) -> tuple[Array, int]:
    """Mono samples [n] in -1 to 1 and their rate; channels are averaged.

    The kind of file is told by its first bytes, whatever its name.  Raises InputError as `read_music` does.
    """
    with open_file(path, WANTED) as file:
        start = file.read(12)
    if _is_sound(start):
        blocks = _soundfile_blocks(path)
    elif path.suffix.lower() in _VIDEOS:
        blocks = _video_blocks(path)
    else:
        raise InputError(f"{path}: a file of no known kind; wanted {WANTED}")
    parts, count, rate = [], 0, RATE
    for rate, block in blocks:
        parts.append(block)
        count += len(block)
        if count > MAX_SECONDS * rate:
            raise InputError(f"{path}: over {MAX_SECONDS / 60:.0f} minutes; wanted a shorter piece: cut it")
    if not count:
        raise InputError(f"{path}: no sound in it; wanted {WANTED}")
    samples = np.concatenate(parts)
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: samples that are not finite; wanted {WANTED}")
    return samples, rate


def _is_sound(start: bytes) -> bool:
    """Whether soundfile is to read it: libsndfile also knows thirty rare kinds, which are better left alone."""
    wav = start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE"
    mp3 = start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2)
    return wav or mp3 or start[:4] in (b"fLaC", b"OggS")


def _checked_rate(path: Path, rate: int, channels: int) -> int:
    if not (LOWEST_RATE <= rate <= HIGHEST_RATE and 1 <= channels <= MAX_CHANNELS):
        raise InputError(
            f"{path}: {channels} channels at {rate} Hz; wanted 1 to {MAX_CHANNELS} at {LOWEST_RATE} to {HIGHEST_RATE}"
        )
    return rate


def _soundfile_blocks(path: Path) -> Iterator[tuple[int, Array]]:
    """Rate and mono samples, block by block: what the header says of the length is not believed."""
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package without its library
        raise InputError(f"{path}: reading music needs soundfile; {INSTALL}") from None
    try:
        with soundfile.SoundFile(path) as file:
            rate = _checked_rate(path, file.samplerate, file.channels)
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                yield rate, block.mean(axis=1)
    except (OSError, RuntimeError, ValueError, TypeError) as error:  # soundfile's own is a RuntimeError
        raise InputError(f"{path}: {first_line(error)}; wanted {WANTED}") from None


def _video_blocks(path: Path) -> Iterator[tuple[int, Array]]:
    """Rate and mono samples of the first sound track of a video."""
    try:
        import av
    except ImportError:
        raise InputError(f"{path}: reading the sound of a video needs PyAV; {INSTALL_VIDEO}") from None
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path}: a video without sound; wanted {WANTED}")
            track = container.streams.audio[0]
            if track.codec_context is None:
                raise InputError(f"{path}: its sound is of a kind that PyAV does not know; wanted {WANTED}")
            rate = _checked_rate(path, int(track.rate or 0), int(track.channels or 0))
            floats = av.AudioResampler(format="fltp", layout=track.layout.name, rate=rate)
            for frame in itertools.chain(container.decode(track), [None]):  # None: what is left inside
                for block in floats.resample(frame):
                    yield rate, block.to_ndarray().mean(axis=0)
    except (av.FFmpegError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: {first_line(error)}; wanted {WANTED}") from None


def resample(samples: Array, rate: int, target_rate: int) -> Array:
    """Samples [n] at `rate` as [n target_rate / rate, rounded up] at `target_rate`, in double precision.

    A linear-phase Kaiser filter keeps 91 % of the narrower band and is 120 dB down where it ends, as the resampler
    is (soxr, high quality) that EDGE read its music with.  Every rate in use is met exactly; of others the ratio
    is rounded by up to 1.3e-4, a quarter of a second in half an hour.
    """
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise InputError(f"music at {rate} Hz needs scipy to bring it to {target_rate} Hz; {INSTALL}") from None
    if rate == target_rate:
        return samples.astype(np.float64)
    up, down = _ratio(target_rate, rate)
    return np.asarray(resample_poly(samples.astype(np.float64), up, down, window=_low_pass(max(up, down))))


def _ratio(target_rate: int, rate: int) -> tuple[int, int]:
    """`target_rate` / `rate` as a fraction with neither part over `MAX_FACTOR`: exact, or the nearest such fraction."""
    exact = Fraction(target_rate, rate)
    if max(exact.numerator, exact.denominator) <= MAX_FACTOR:
        return exact.numerator, exact.denominator
    smaller = exact.limit_denominator(MAX_FACTOR) if exact < 1 else 1 / (1 / exact).limit_denominator(MAX_FACTOR)
    return smaller.numerator, smaller.denominator


def _low_pass(factor: int) -> Array:
    """A filter of sum 1 to 1 / factor of the band: its transition runs from 0.913 to 1.0 of that."""
    edge, width, decibels = 0.9565, 0.087, 120.0
    half = math.ceil((decibels - 8) / (2.285 * math.pi * width) / 2 * factor)  # Kaiser's estimate of the order
    offsets = np.arange(-half, half + 1)
    taps = np.sinc(offsets * edge / factor) * np.kaiser(2 * half + 1, 0.1102 * (decibels - 8.7))
    return np.asarray(taps / taps.sum())
