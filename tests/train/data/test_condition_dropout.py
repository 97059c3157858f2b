"""What is not given is zero, and texts reach a part of the frames."""

import numpy as np
import pytest

from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.condition_dropout import Caption, draw_text_spans
from genmo.train.datasets.read import read_clips
from genmo.train.settings.augmentation import AugmentationConfig

PLAIN = AugmentationConfig(mirror=0, speed=0, shape=0, mix=0, perturb=0, tilt=0, no_text=0)


FRAMES = 40


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


def draw(clips, step=0, seed=0, variety=PLAIN, estimation=3, generation=3, frames=FRAMES):
    return BatchSampler(clips, variety, seed).draw(step, estimation, generation, frames)


def test_masked_values_are_zero(clips):
    """As in the runtime: an absent condition is zero, not only masked."""
    seen = dict.fromkeys(("keypoints", "bounding_box", "camera"), False)
    for step in range(12):
        batch = draw(clips, step, variety=AugmentationConfig())
        for name in seen:
            values, mask = batch.conditions[name], batch.conditions[f"{name}_mask"]
            assert values.shape[:2] == mask.shape and set(mask.unique().tolist()) <= {0.0, 1.0}
            assert not values[mask == 0].any() and values.isfinite().all()
            seen[name] |= bool((mask == 0).any() and (mask == 1).any())
    assert all(seen.values())


def test_texts(clips):
    """Prompts in two slots; spans lie in the frames; unused slots reach nothing; both halves share a caption."""
    kinds = set()
    for step in range(30):
        batch = draw(clips, step, estimation=1, generation=3)
        for prompts, spans in zip(batch.prompts[1:], batch.spans[1:].tolist(), strict=True):
            assert len(prompts) == 2 and prompts[0]
            assert 0 <= spans[0][0] < spans[0][1] <= FRAMES
            if prompts[1]:
                assert prompts[1] == prompts[0] and spans[0][1] == spans[1][0] and spans[1][1] == FRAMES
            else:
                assert spans[1] == [0, 0]
            kinds.add("split" if prompts[1] else "all" if spans[0] == [0, FRAMES] else "part")
    assert kinds == {"split", "all", "part"}


def test_what_is_measured_over_all_frames_is_never_said_of_a_part():
    captions = [
        Caption("jumps twice", whole=True),
        Caption("walks", "sits down", 20, whole=True),
        Caption("walks"),
    ] * 60
    prompts, spans = draw_text_spans(captions, 0, 60, 0.2, np.random.default_rng(0))
    for caption, texts, span in zip(captions, prompts, spans.tolist(), strict=True):
        if texts[0] and caption.then:
            assert texts == ["walks", "sits down"] and span == [[0, 20], [20, 60]]
        elif texts[0] and caption.whole:
            assert texts == ["jumps twice", ""] and span == [[0, 60], [0, 0]]
    parts = [span for caption, texts, span in zip(captions, prompts, spans.tolist(), strict=True) if not caption.whole]
    assert any(span[0] != [0, 60] and span[0] != [0, 0] for span in parts), "a set's own caption holds for parts too"
    assert 0.1 < np.mean([not texts[0] for texts in prompts]) < 0.3
