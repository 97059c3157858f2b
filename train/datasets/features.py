"""Features of video and music for the clips that they belong to: `genmo-prepare --video-features DIR --music DIR`.

A file is looked for under the clip's name, `DIR/<name>.npy`, and music also as a sound file and under the name of the
track that the data set tells (AIST++).  Features are [frames, width], 30 a second, from the clip's first frame on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.readers.music import read_features, read_music
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording

SOUNDS = (".npy", ".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4")
MISSING = int(FPS) // 2
"""frames at the end that features may lack; the last ones are repeated"""


def with_features(clips: Iterable[Clip], video: Path | None, music: Path | None) -> Iterator[Clip]:
    """The clips, each with its features of video and music where the folders have some.

    Raises InputError for features that do not fit their clip, and when a folder has none for any clip.
    """
    for name, folder in (("video", video), ("music", music)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder}: no such folder; wanted the {name} features of the clips")
    tracks: dict[Path, Array] = {}
    counts = {"video": 0, "music": 0}
    for clip in clips:
        recording = _recording(clip)
        if video is not None and (path := video / f"{recording.name}.npy").is_file():
            _check_filmed(recording, path)
            recording = replace(recording, video=_fitting(read_features(path), recording, path))
            counts["video"] += 1
        if music is not None and (sound := _track(music, recording)) is not None:
            if sound not in tracks:
                tracks[sound] = read_music(sound)
            recording = replace(recording, music=_fitting(tracks[sound], recording, sound))
            counts["music"] += 1
        yield recording
    for name, folder in (("video", video), ("music", music)):
        if folder is not None and not counts[name]:
            raise InputError(f"{folder}: features of no clip; wanted {name} files named like the clips")


def _recording(clip: Clip) -> Recording:
    if isinstance(clip, Recording):
        return clip
    return Recording(**{field.name: getattr(clip, field.name) for field in fields(clip)})


def _check_filmed(clip: Recording, path: Path) -> None:
    """What a video shows is seen from its camera; a simulated one would contradict it."""
    if clip.keypoints is None and (clip.camera is None or clip.intrinsics is None):
        raise InputError(f"{path}: clip {clip.name} has neither keypoints nor a camera; wanted what saw the video")


def _track(folder: Path, clip: Recording) -> Path | None:
    names = [clip.name, str(clip.extra.get("music", ""))]
    paths = (folder / f"{name}{kind}" for name in names if name for kind in SOUNDS)
    return next((path for path in paths if path.is_file()), None)


def _fitting(features: Array, clip: Recording, path: Path) -> Array:
    """The features of the clip's frames, float32."""
    if len(features) < clip.frames - MISSING:
        raise InputError(
            f"{path}: {len(features)} frames of features, clip {clip.name} has {clip.frames}; wanted {FPS:g} a second, "
            "from its first frame on"
        )
    return np.asarray(features[np.minimum(np.arange(clip.frames), len(features) - 1)], np.float32)
