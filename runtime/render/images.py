"""A motion as .png (its middle), .gif and .mp4 (all of it), drawn by `scene`; same motion, same bytes."""

from __future__ import annotations

import importlib
import io
from fractions import Fraction
from typing import Any

import numpy as np

from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion
from genmo.runtime.render.scene import Scene
from genmo.runtime.support.errors import BackendError
from genmo.runtime.support.progress import ProgressCallback, no_progress

STILL, FILM, SMALL = (1280, 720), (960, 540), (480, 360)
"""width and height in pixels of .png, .mp4 and .gif"""
GIF_RATE = 34.0
"""Frames a second at most: browsers slow faster ones down."""
_NEEDED = {".png": "PIL", ".gif": "PIL", ".mp4": "av"}
SUFFIXES = tuple(_NEEDED)


def check_library(suffix: str) -> None:
    """Raise BackendError with the command that installs what a suffix needs, where it is missing."""
    if suffix in _NEEDED:
        _library(_NEEDED[suffix])


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = {"PIL": "Pillow", "av": "PyAV"}[name]
        raise BackendError(
            f'pictures need {package}, which is not installed; wanted: pip install "genmo-motion[pictures]"'
        ) from None


def to_png(motion: Motion, ground: Heights | None = None) -> bytes:
    """The middle frame.  `ground`: what the person walks on; None: y = 0."""
    _library("PIL")
    image = importlib.import_module("PIL.Image")
    buffer = io.BytesIO()
    image.fromarray(Scene(motion, *STILL, ground=ground).picture(motion.frames // 2)).save(buffer, "PNG")
    return buffer.getvalue()


def to_gif(motion: Motion, progress: ProgressCallback = no_progress, ground: Heights | None = None) -> bytes:
    """All frames, or evenly chosen ones of a rate over 34; it loops.  `progress` hears the share that is drawn.

    GIF counts in hundredths of a second: durations are rounded so that their sum stays right.
    """
    _library("PIL")
    image = importlib.import_module("PIL.Image")
    every = int(np.ceil(motion.fps / GIF_RATE))
    frames = range(0, motion.frames, every)
    ends = np.rint(100 * every * np.arange(len(frames) + 1) / motion.fps).astype(int)
    scene = Scene(motion, *SMALL, ground=ground)
    # One palette for all: colours do not flicker, and what stands still is the same bytes in every frame.
    palette = image.fromarray(scene.picture(motion.frames // 2)).quantize(128)
    images = []
    for frame in frames:
        images.append(image.fromarray(scene.picture(frame)).quantize(palette=palette, dither=0))
        progress(len(images) / len(frames))
    buffer = io.BytesIO()
    durations = (10 * np.diff(ends)).tolist()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def to_mp4(motion: Motion, progress: ProgressCallback = no_progress, ground: Heights | None = None) -> bytes:
    """H.264 of all frames at the motion's rate.  `progress` hears the share that is drawn."""
    av = _library("av")
    rate = Fraction(motion.fps).limit_denominator(1001)
    buffer = io.BytesIO()
    scene = Scene(motion, *FILM, ground=ground)
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height = FILM
        stream.pix_fmt = "yuv420p"
        # threads would make the bytes vary, and so do x264's AVX-512 routines, which read beyond small pictures
        stream.options = {"crf": "18", "preset": "veryfast", "threads": "1", "x264-params": "asm=SSE2,SSE4.2"}
        stream.codec_context.time_base = 1 / rate
        for number in range(motion.frames):
            frame = av.VideoFrame.from_ndarray(scene.picture(number), format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate  # without them the encoder's choices vary from run to run
            for packet in stream.encode(frame):
                file.mux(packet)
            progress((number + 1) / motion.frames)
        for packet in stream.encode():
            file.mux(packet)
    return buffer.getvalue()
