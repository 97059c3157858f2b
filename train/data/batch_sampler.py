"""Which windows of which clips make a step's batch, by the step's number alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genmo.runtime.motion.mirror import mirror
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.augmentation import change_speed, mirrored_caption, mix_limbs, perturb, reworded
from genmo.train.data.batches import Batch, MotionWindows, Randomness, Sources, make_batch
from genmo.train.data.caption_draws import CaptionDraws, Drawn, is_loose
from genmo.train.data.condition_dropout import Caption
from genmo.train.data.recorded_cameras import Footage, footage_of
from genmo.train.datasets.clips import Clip, leg_length
from genmo.train.datasets.store import FEATURES, Recording
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.captions import CaptionConfig

Integers = npt.NDArray[np.integer[Any]]
OFTEN = 2.5
"""how much more often generation draws the clips that `BatchSampler` is asked to draw often"""


@dataclass(frozen=True, eq=False)
class Window:
    """A sample before it is filmed."""

    rotations: Array
    translation: Array
    betas: Array
    caption: Caption
    footage: Footage | None
    features: dict[str, Array]
    """"video" and "music" [frames, width], where there are some"""


def clip_weights(clips: list[Clip]) -> Array:
    """How often each clip is drawn: an action (first caption) by the root of its frames, shared by its clips.

    A minute of one dance is less new than a jump, and fifty walks are less new than two runs.
    """
    frames = np.array([min(clip.frames, 900) for clip in clips], np.float64)
    actions = np.unique([clip.captions[0] if clip.captions else clip.name for clip in clips], return_inverse=True)[1]
    return frames / np.sqrt(np.bincount(actions, frames))[actions]


def has_word(captions: Sequence[str], beginnings: Collection[str]) -> bool:
    """Whether a word of any caption begins with one of `beginnings`."""
    words = {word for caption in captions for word in caption.lower().split()}
    return any(word.startswith(beginning) for word in words for beginning in beginnings)


class BatchSampler:
    """Draws batches from clips."""

    def __init__(
        self,
        clips: list[Clip],
        augmentation: AugmentationConfig,
        seed: int,
        subjects_2d: Collection[str] = (),
        often: Collection[str] = (),
        features: Mapping[str, int] | None = None,
        reword: bool = True,
        captions: CaptionConfig | None = None,
        lengths: Sequence[int] = (),
    ) -> None:
        """`subjects_2d`: set/subject names whose 3D motion is hidden, as if they were annotated in 2D only.

        `often`: beginnings of words; generation draws clips whose captions have one OFTEN times as often.
        `features`: "video" and "music" with their widths, where the network takes them; `reword`: let words stand for
        others.  `captions`: how generation samples of `lengths` frames are captioned from measurement; None: by their
        sets alone.
        """
        if not clips:
            raise InputError("no clip to train on; wanted at least one *30 motion set")
        self.clips, self.augmentation, self.seed, self.reword = clips, augmentation, seed, reword
        self.features = dict(features or {})
        truths = np.array([clip.truth for clip in clips])
        self.only_2d = np.array([clip.subject in subjects_2d for clip in clips]) | (truths == "keypoints")
        self.local = truths == "local"
        self.weights = clip_weights(clips)
        # what is measured has to be true in the world
        self.measurable = ~self.only_2d & (truths == "world")
        self.captions = None
        if captions is not None and self.measurable.any():
            self.captions = CaptionDraws(clips, captions, lengths, self.measurable.tolist())
        self.often = np.array([OFTEN if has_word(clip.captions, often) else 1.0 for clip in clips])

    def eligible(self, frames: int, often: Array | float = 1.0) -> Array:
        """Probability of each clip for windows of `frames` frames: shorter clips never, so no frame is padding."""
        enough = np.array([clip.frames >= frames for clip in self.clips])
        if not enough.any():
            raise InputError(f"no clip has {frames} frames; shorten the training windows")
        weights = self.weights * often * enough
        if not weights.any():
            raise InputError(f"no clip of {frames} frames knows where down is; wanted some, or generation=0")
        return np.asarray(weights / weights.sum())

    def _picks(self, estimation: int, generation: int, frames: int, random: np.random.Generator) -> Integers:
        """Which clips a batch is made of.  What is generated has to know where down is."""
        picks = [random.choice(len(self.clips), estimation, p=self.eligible(frames))]
        if generation:
            chances = self.eligible(frames, self.often * ~self.local)
            picks.append(random.choice(len(self.clips), generation, p=chances))
        return np.concatenate(picks)

    def draw(self, step: int, estimation: int, generation: int, frames: int) -> Batch:
        """The batch of a step: `estimation` + `generation` samples of `frames` frames."""
        random = Randomness.seeded(self.seed, step)
        windows, picks = self.windows(estimation, generation, frames, random.numpy)
        rotations, translation, betas = (
            torch.from_numpy(np.stack([getattr(window, name) for window in windows])).float()
            for name in ("rotations", "translation", "betas")
        )
        sources = Sources(
            only_2d=torch.from_numpy(self.only_2d[picks]),
            local=torch.from_numpy(self.local[picks]),
            footage=[window.footage for window in windows],
            features={name: _stacked(windows, name, width) for name, width in self.features.items()},
        )
        # bending and mixing need the 3D that a clip annotated in 2D does not have, and footage would show the old pose
        free = ~sources.only_2d & torch.tensor([window.footage is None for window in windows])
        (free_samples,) = free[:estimation].nonzero(as_tuple=True)
        if len(free_samples):
            options = self.augmentation
            mixed = mix_limbs(rotations[free_samples], options.mix, random.torch)
            rotations[free_samples] = perturb(mixed, options.perturb, options.tilt, random.torch)
        motions = MotionWindows(rotations, translation, betas, [window.caption for window in windows])
        return make_batch(motions, estimation, self.augmentation, random, sources)

    def windows(
        self, estimation: int, generation: int, frames: int, random: np.random.Generator
    ) -> tuple[list[Window], Integers]:
        """Windows of `frames` frames before they are filmed, with their captions, and the clip that each is of."""
        picks = self._picks(estimation, generation, frames, random)
        drawn = self._drawn(picks, estimation, frames, random)
        windows = [
            self._window(int(i), frames, random, number >= estimation, chosen)
            for number, (i, chosen) in enumerate(zip(picks, drawn, strict=True))
        ]
        return windows, picks

    def _drawn(self, picks: Integers, estimation: int, frames: int, random: np.random.Generator) -> list[Drawn | None]:
        """The samples that are chosen for what they do; their clips take the place of those in `picks`."""
        drawn: list[Drawn | None] = [None] * len(picks)
        if self.captions is not None:
            for number in range(estimation, len(picks)):
                if (chosen := self.captions.draw(frames, random)) is not None:
                    drawn[number], picks[number] = chosen, chosen.clip
        return drawn

    def _window(
        self, number: int, frames: int, random: np.random.Generator, generated: bool, drawn: Drawn | None
    ) -> Window:
        """A stretch of a clip: as its own camera filmed it, or perhaps at another speed, mirrored, on another body."""
        clip = self.clips[number]
        if isinstance(clip, Recording) and drawn is None and self._as_filmed(clip, random):
            start = int(random.integers(clip.frames - frames + 1))
            if (footage := footage_of(clip, start, frames)) is not None:
                return self._filmed(clip, footage, start, random)
        music = self._feature(clip, "music")
        rotations, translation, offsets, start = self._stretch(clip, frames, random, music is not None, drawn)
        caption = str(random.choice(clip.captions)) if clip.captions else ""
        if drawn is not None and drawn.backward:
            rotations, translation, caption = rotations[::-1], translation[::-1], ""
        mirrored = drawn.mirrored if drawn is not None else bool(random.random() < self.augmentation.mirror)
        if mirrored:
            caption = mirrored_caption(caption)
            if drawn is None or drawn.second is None:
                rotations, translation, offsets = mirror(rotations, translation, offsets)
        betas = shape_space().betas(offsets) + random.normal(
            0, self.augmentation.shape, shape_space().components.shape[0]
        )
        body = shape_space().offsets(betas)
        translation = translation * np.float32(leg_length(body) / leg_length(offsets))
        joined = drawn is not None and drawn.second is not None
        features = {} if music is None or joined else {"music": music[start : start + frames]}
        if generated and self.captions is not None and self.measurable[number]:
            said = self.captions.caption(caption, (rotations, translation, body), drawn, random, is_loose(clip))
        else:
            said = Caption(caption)
        said = said if said.whole else replace(said, text=self._worded(said.text, random))
        return Window(rotations, translation, betas, said, None, features)

    def _stretch(
        self, clip: Clip, frames: int, random: np.random.Generator, to_music: bool, drawn: Drawn | None
    ) -> tuple[Array, Array, Array, int]:
        """Rotations, translation, rest offsets and first frame of a window, perhaps at another speed."""
        if drawn is not None and drawn.second is not None and self.captions is not None:
            return (*self.captions.motion(drawn, frames), drawn.start)
        # faster music has other features
        faster = random.random() < self.augmentation.speed and not to_music
        rate = float(np.exp(random.uniform(-0.22, 0.22))) if faster else 1.0
        needed = min(clip.frames, int(np.ceil((frames - 1) * rate)) + 2) if rate != 1 else frames
        last = clip.frames - needed
        start = int(random.integers(last + 1)) if drawn is None else min(drawn.start, last)
        rotations, translation = clip.rotations[start : start + needed], clip.translation[start : start + needed]
        if rate != 1:
            rotations, translation = change_speed(rotations, translation, rate, frames)
        return rotations, translation, clip.offsets, start

    def _as_filmed(self, clip: Recording, random: np.random.Generator) -> bool:
        """Whether a window is filmed by the recording's own camera."""
        if clip.truth != "world" or self._feature(clip, "video") is not None:
            return True
        own = clip.keypoints is not None or clip.camera is not None
        return own and bool(random.random() < self.augmentation.own_camera)

    def _filmed(self, clip: Recording, footage: Footage, start: int, random: np.random.Generator) -> Window:
        """A stretch as it was recorded: another body, speed or side would not be what the camera saw."""
        span = slice(start, start + len(footage.rotation))
        features = {name: values[span] for name in FEATURES if (values := self._feature(clip, name)) is not None}
        caption = str(random.choice(clip.captions)) if clip.captions else ""
        said = Caption(self._worded(caption, random))
        betas = shape_space().betas(clip.offsets)
        return Window(clip.rotations[span], clip.translation[span], betas, said, footage, features)

    def _worded(self, caption: str, random: np.random.Generator) -> str:
        return reworded(caption, random) if self.reword else caption

    def _feature(self, clip: Clip, name: str) -> Array | None:
        """A clip's features, if the network takes them."""
        values: Array | None = getattr(clip, name, None) if name in self.features else None
        return values


def _stacked(windows: Sequence[Window], name: str, width: int) -> tuple[Tensor, Tensor]:
    """Features [batch, frames, width], zero where a window has none, and which windows [batch] have some."""
    frames = len(windows[0].translation)
    values = np.zeros((len(windows), frames, width), np.float32)
    present = np.array([name in window.features for window in windows])
    for index, window in enumerate(windows):
        if present[index]:
            values[index] = window.features[name]
    return torch.from_numpy(values), torch.from_numpy(present)
