"""What copying does: for a caption, the training clip whose caption shares most words with it.

A generator that is no better than this has learned where its training clips are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genmo.runtime.engine.text_ngram import words_of
from genmo.train.datasets.clips import Clip, middle
from genmo.train.evaluation.text_motion_features import LONGEST


def shared_words(caption: str, other: str) -> float:
    """Words of both over words of either (Jaccard): 1 for the same words, 0 for none."""
    one, two = set(words_of(caption)), set(words_of(other))
    return len(one & two) / len(one | two)


def nearest_clips(clips: Sequence[Clip], training: Sequence[Clip], seed: int = 0) -> list[Clip]:
    """For each clip's first caption the middle of the nearest training clip, at most as long as the clip.

    Of clips that are equally near one is drawn, the same for the same seed.
    """
    random = np.random.default_rng(seed)
    captioned = [clip for clip in training if clip.captions]
    near: dict[str, list[Clip]] = {}
    chosen = []
    for clip in clips:
        words = clip.captions[0]
        if words not in near:
            scores = [max(shared_words(words, caption) for caption in other.captions) for other in captioned]
            best = max(scores)
            near[words] = [other for other, score in zip(captioned, scores, strict=True) if score == best]
        other = near[words][int(random.integers(len(near[words])))]
        chosen.append(middle(other, min(clip.frames, LONGEST)))
    return chosen
