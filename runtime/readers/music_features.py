"""The 35 music features of EDGE (Tseng, Castellon and Liu, CVPR 2023) at 30 frames a second, in numpy.

onset envelope 1, MFCC 20, chroma (CENS) 12, onsets 1 (0 or 1), beats 1 (0 or 1); not normalised, as EDGE stores them.
The definitions and constants are librosa's defaults, which EDGE uses; the tests compare with librosa itself.

- mel spectrum (Slaney's scale) of a short-time Fourier transform, in decibels below the loudest value at most 80
- onset envelope: its mean rise from frame to frame (Böck and Widmer 2013, without the maximum filter)
- onsets: peaks of the envelope above its moving average
- beats: tempo from the envelope's autocorrelation, then the best path of regular peaks (Ellis 2007)
- chroma: a constant-Q transform, tuned, folded to 12 pitch classes, as CENS (Müller and Ewert 2011)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

HOP = 512
"""Samples from a frame to the next."""
RATE = round(FPS) * HOP
"""15360 samples a second make 30 frames a second."""
TEMPO_RATE = 22050
"""EDGE's first guess of the tempo is made at librosa's own sample rate."""

_WINDOW = 2048
_BANDS, _COEFFICIENTS = 128, 20
_LOUDEST_TO_SILENCE = 80.0  # decibels
_BATCH = 2048  # frames worked on at a time: memory stays bounded
_LOWEST_A = 440 / 16  # 27.5 Hz
_LOWEST_C = 440.0 * 2 ** (-45 / 12)  # C1, 32.7 Hz
_BINS, _OCTAVES = 36, 7  # of the constant-Q transform; bins an octave
_TIGHTNESS = 100.0  # of beats to a steady tempo

Indices = npt.NDArray[np.int64]


def music_features(samples: Array, slow: Array) -> Array:
    """Features [frames, 35] of mono samples [n] at `RATE`; `slow` [m] is the same sound at `TEMPO_RATE`.

    Frame i is centred on sample 512 i, so it is the motion's frame i; frames = n // 512, at least 1.
    Raises InputError when there are no samples, or some are not finite.
    """
    for signal in (samples, slow):
        if signal.ndim != 1 or len(signal) == 0 or not np.isfinite(signal).all():
            raise InputError(f"music is {list(signal.shape)} samples; wanted at least one, all finite, of one channel")
    decibels = mel_decibels(samples, RATE)
    envelope = onset_envelope(decibels)
    start = tempo(onset_envelope(mel_decibels(slow, TEMPO_RATE)), TEMPO_RATE / HOP)
    marks = np.zeros((2, len(envelope)))
    marks[0, pick_onsets(envelope)] = 1
    marks[1, track_beats(envelope, start)] = 1
    columns = [envelope[:, None], mfcc(decibels), chroma(samples, tuning(samples)), marks.T]
    frames = max(1, len(samples) // HOP)  # one less than the windows: the last is centred on the end
    return np.concatenate([column[:frames] for column in columns], axis=1)


# --- spectrum ----------------------------------------------------------------------------------------------------


def windows(samples: Array, size: int, hop: int) -> Iterator[Array]:
    """The stretches [frames, size] centred on samples 0, hop, 2 hop, ..., some frames at a time; silence outside."""
    padded = np.pad(samples, size // 2)
    every = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(samples) + 1 : hop]
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]


def hann(size: int) -> Array:
    """[size] periodic Hann window."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


def spectra(samples: Array) -> Iterator[Array]:
    """Magnitudes [frames, 1025] of the short-time Fourier transform, some frames at a time."""
    for block in windows(samples, _WINDOW, HOP):
        yield np.abs(np.fft.rfft(block * hann(_WINDOW), axis=1))


def mel_decibels(samples: Array, rate: float) -> Array:
    """[frames, 128] power in mel bands of samples [n] at `rate`, at most 80 dB below the loudest."""
    filters = mel_filters(rate).T
    power = np.concatenate([magnitude**2 @ filters for magnitude in spectra(samples)])
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    return np.asarray(np.maximum(decibels, decibels.max() - _LOUDEST_TO_SILENCE))


@cache
def mel_filters(rate: float) -> Array:
    """[128, 1025] triangles of equal area, evenly spaced on Slaney's mel scale up to half the sample rate."""
    # linear to 1000 Hz (15 mel), logarithmic above: 27 mel for a factor of 6.4
    top = 15 + 27 * np.log(rate / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, _BANDS + 2)
    edges = np.where(mels < 15, 1000 / 15 * mels, 1000 * 6.4 ** ((mels - 15) / 27))[:, None]
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / rate)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2]))


def mfcc(decibels: Array) -> Array:
    """[frames, 20]: the first coefficients of the orthonormal cosine transform (DCT-II) of [frames, 128]."""
    order, band = np.arange(_COEFFICIENTS), np.arange(_BANDS)[:, None]
    basis = np.cos(np.pi * order * (band + 0.5) / _BANDS) * np.sqrt(2 / _BANDS)
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(decibels @ basis)


# --- onsets and beats --------------------------------------------------------------------------------------------


def onset_envelope(decibels: Array) -> Array:
    """[frames] mean over the bands of the rise since the frame before, delayed by half a window (2 frames)."""
    rise = np.maximum(0, np.diff(decibels, axis=0)).mean(axis=1)
    return np.pad(rise, (1 + _WINDOW // (2 * HOP), 0))[: len(decibels)]


def pick_onsets(envelope: Array) -> Indices:
    """Frames of the onsets: 7 % of the envelope's range above its mean over three frames on either side."""
    extent = np.ptp(envelope)
    if extent <= 0:
        return np.zeros(0, np.int64)
    level = (envelope - envelope.min()) / extent
    sums = np.concatenate([[0.0], np.cumsum(level)])
    frames = np.arange(len(level))
    start, end = np.maximum(frames - 3, 0), np.minimum(frames + 4, len(level))
    return np.flatnonzero(level >= (sums[end] - sums[start]) / (end - start) + 0.07)


def tempo(envelope: Array, rate: float, start: float = 120.0) -> float:
    """Beats a minute of an onset envelope [n] at `rate` frames a second, likely near `start` (within an octave).

    Autocorrelation over 8 s around every frame, averaged, times a log-normal prior; at most 320.
    """
    size = int(8 * rate)
    ramp = np.pad(envelope, size // 2, mode="linear_ramp")
    every = np.lib.stride_tricks.sliding_window_view(ramp, size)[: len(envelope)]
    total = np.zeros(size)
    for first in range(0, len(every), _BATCH):
        block = every[first : first + _BATCH] * hann(size)
        power = np.abs(np.fft.rfft(block, 2 * size, axis=1)) ** 2
        correlation = np.fft.irfft(power, axis=1)[:, :size]
        peak = np.abs(correlation).max(axis=1, keepdims=True)
        total += (correlation / np.where(peak > np.finfo(np.float32).tiny, peak, 1)).sum(axis=0)
    lags = np.arange(1, size)
    bpm = 60 * rate / lags
    prior = np.where(bpm < 320, -0.5 * np.log2(bpm / start) ** 2, -np.inf)
    likely = np.log1p(1e6 * np.maximum(total[1:] / len(every), 0)) + prior
    return float(bpm[np.argmax(likely)])


def track_beats(envelope: Array, start: float) -> Indices:
    """Frames of the beats in an onset envelope [n] at 30 frames a second; `start` is the tempo to look around."""
    if not envelope.any():
        return np.zeros(0, np.int64)
    spread = envelope.std(ddof=1) if len(envelope) > 1 else 0.0
    period = float(np.round(60 * FPS / tempo(envelope, FPS, start)))
    bell = np.exp(-0.5 * (32 * np.arange(-period, period + 1) / period) ** 2)
    score = _same(envelope / (spread + np.finfo(np.float64).tiny), bell)
    links, totals = _best_paths(score, period)
    beat = _last_beat(totals)
    beats = []
    while beat >= 0:
        beats.append(beat)
        beat = int(links[beat])
    return _without_weak_ends(np.array(beats[::-1]), score)


def _same(signal: Array, kernel: Array) -> Array:
    """Convolution as long as `signal`, whichever of the two is longer."""
    half = len(kernel) // 2
    return np.convolve(signal, kernel)[half : half + len(signal)]


def _best_paths(score: Array, period: float) -> tuple[Indices, Array]:
    """For each frame the beat before it (-1: none) and the best total score of beats that end in it.

    A step of d frames costs tightness * log(d / period)^2; the step lies between half a period and two.
    """
    steps = np.arange(np.round(period / 2), 2 * period + 1).astype(int)
    cost = _TIGHTNESS * np.log(steps / period) ** 2
    links, totals = np.full(len(score), -1), score.copy()
    silent = 0.01 * score.max()
    begun = False
    for frame in range(len(score)):
        admissible = int(np.searchsorted(steps, frame, side="right"))
        best = -1
        if admissible:
            gains = totals[frame - steps[:admissible]] - cost[:admissible]
            chosen = int(np.argmax(gains))
            best = frame - int(steps[chosen])
            totals[frame] += gains[chosen]
        begun = begun or bool(score[frame] >= silent)
        links[frame] = best if begun else -1
    return links, totals


def _last_beat(totals: Array) -> int:
    """The last peak of at least half the median peak; the last frame when there is no peak."""
    peak = np.zeros(len(totals), bool)
    peak[1:] = totals[1:] > totals[:-1]
    peak[:-1] &= totals[:-1] >= totals[1:]
    peaks = np.flatnonzero(peak)
    good = peaks[totals[peaks] >= 0.5 * np.median(totals[peaks])] if len(peaks) else peaks
    return int(good[-1]) if len(good) else len(totals) - 1


def _without_weak_ends(beats: Indices, score: Array) -> Indices:
    """The beats without those before and after the part of the music whose score is above half the beats' level."""
    smooth = np.convolve(score[beats], np.hanning(5))[2:]
    strong = np.flatnonzero(score > 0.5 * np.sqrt(np.mean(smooth**2)))
    return beats[(beats >= strong[0]) & (beats <= strong[-1])] if len(strong) else beats[:0]


# --- chroma ------------------------------------------------------------------------------------------------------


def tuning(samples: Array) -> float:
    """How far samples at `RATE` are tuned from A = 440 Hz, in bins of the constant-Q transform, -0.5 to 0.5.

    The commonest distance, in hundredths, of the stronger half of all peaks from their nearest bin.
    """
    pitch, strength = np.concatenate([spectral_peaks(magnitude) for magnitude in spectra(samples)], axis=1)
    if len(pitch) == 0:
        return 0.0
    chosen = pitch[strength >= np.median(strength)]
    deviation = np.mod(_BINS * np.log2(chosen / _LOWEST_A), 1.0)
    counts, edges = np.histogram(np.where(deviation >= 0.5, deviation - 1, deviation), np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])


def spectral_peaks(magnitude: Array) -> Array:
    """[2, K] frequency and strength of the peaks between 150 and 4000 Hz in [frames, bins], by parabolas through
    each peak and its neighbours; peaks below a tenth of their frame's loudest bin are left out."""
    loud = np.where(magnitude > 0.1 * magnitude.max(axis=1, keepdims=True), magnitude, 0)
    bins = np.arange(1, magnitude.shape[1] - 1)
    bins = bins[(bins * RATE / _WINDOW >= 150) & (bins * RATE / _WINDOW < 4000)]
    frame, bin_ = np.nonzero((loud[:, bins] > loud[:, bins - 1]) & (loud[:, bins] >= loud[:, bins + 1]))
    bin_ = bins[bin_]
    low, middle, high = (magnitude[frame, bin_ + side] for side in (-1, 0, 1))
    slope, bend = (high - low) / 2, low + high - 2 * middle
    shift = np.where(np.abs(slope) < np.abs(bend), -slope / np.where(bend == 0, 1, bend), 0)
    return np.stack([(bin_ + shift) * RATE / _WINDOW, middle + 0.5 * slope * shift])


def chroma(samples: Array, detuned: float) -> Array:
    """[frames, 12] chroma energy normalised statistics of samples at `RATE`, C first, each frame of length 1 or 0.

    `detuned`: the samples' `tuning`.  Shares of the pitch classes, quantised in four steps, smoothed over 41 frames.
    """
    # bin 3 k is a note: its class takes it and both neighbours
    notes = np.roll(constant_q(samples, detuned), 1, axis=1)  # [frames, 252]
    folded = notes.reshape(len(notes), _OCTAVES, 12, _BINS // 12).sum(axis=(1, 3))  # [frames, 12]
    total = folded.sum(axis=1, keepdims=True)
    share = folded / np.where(total > np.finfo(np.float32).tiny, total, 1)
    steps = np.sum([share > step for step in (0.05, 0.1, 0.2, 0.4)], axis=0) / 4
    bell = np.hanning(43)
    smooth = np.stack([_same(column, bell / bell.sum()) for column in steps.T], axis=1)
    length = np.linalg.norm(smooth, axis=1, keepdims=True)
    return smooth / np.where(length > np.finfo(np.float32).tiny, length, 1)


def constant_q(samples: Array, detuned: float) -> Array:
    """[frames, 252] magnitude of the constant-Q transform of samples at `RATE`: 36 bins in each octave from C1.

    An octave at a time from the top, at half the rate each time (Schörkhuber and Klapuri 2010).
    """
    frames = len(samples) // HOP + 1
    ratio = 2 ** (1 / _BINS)
    width = (ratio**2 - 1) / (ratio**2 + 1)  # of a bin over its frequency
    octaves = []
    rate, hop = float(RATE), HOP
    for octave in reversed(range(_OCTAVES)):
        frequencies = _LOWEST_C * 2 ** (octave + (np.arange(_BINS) + detuned) / _BINS)
        lengths = rate / (width * frequencies)
        kernel = np.stack([_wave(f / rate, n, lengths[0]) for f, n in zip(frequencies, lengths, strict=True)], axis=1)
        kernel *= np.sqrt(RATE / (width * frequencies))
        parts = [np.hypot(block @ kernel.real, block @ kernel.imag) for block in windows(samples, len(kernel), hop)]
        octaves.append(np.concatenate(parts)[:frames])
        samples = _same(samples, _half_band())[::2]
        rate, hop = rate / 2, hop // 2
    return np.concatenate(octaves[::-1], axis=1)


def _wave(frequency: float, length: float, longest: float) -> npt.NDArray[np.complex128]:
    """A Hann-windowed wave of `length` samples and of sum 1 without its turning, in the middle of the longest one.

    Mirrored in time, as in librosa, which multiplies two spectra: half a sample to the other side of the middle.
    """
    half = int(np.ceil(longest / 2)) + 1
    offsets = np.arange(-np.ceil(length / 2), np.floor(length / 2))
    wave = np.zeros(2 * half, np.complex128)
    wave[half - offsets.astype(int)] = (
        hann(len(offsets)) / hann(len(offsets)).sum() * np.exp(2j * np.pi * frequency * offsets)
    )
    return wave


@cache
def _half_band() -> Array:
    """[43] low-pass to half the rate: 0.55 of the new band is kept, and what would fold onto it is below -100 dB."""
    offsets = np.arange(-21, 22)
    return np.asarray(np.sinc(offsets / 2) / 2 * np.kaiser(len(offsets), 10))
