"""Takes of motion tokens that are another performance of an example (`refine.example_takes` finds these).

What starting from a motion part of the way down the noise is to a denoiser (SDEdit; Meng et al. 2022), keeping some of
its codes is to tokens: of an example's codes a share is masked, each by itself, and filled in for the text and for the
codes that stayed.  So limbs and path fit each other as they did in the example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.motion.token_features import encode_motion
from genmo.runtime.refine.example_takes import References
from genmo.runtime.refine.takes import Taste
from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.runtime.tokens.config import FRAMES_A_TOKEN

TAKES = 8
"""that are made of a motion whose texts say something that can be measured, where nothing else is asked for"""
MASKED = 0.15, 0.35
"""share of an example's codes that are made anew where it is followed all the way, and for half of it"""
TASTE = Taste(chosen=0.0, rough=3.0)
"""takes with an example step where others glide, so they need not agree more, and gliding counts"""


def example_tokens(
    references: Sequence[References],
    ids: Numbers,
    encode: Callable[[Array], Numbers],
    mask_id: int,
    random: Sequence[np.random.Generator],
) -> Numbers:
    """`ids` [takes, tokens, parts], all masked, with some codes of each take's examples.

    `encode`: ids [tokens, parts] of features [4 tokens, 269], not normalised; `random`: a generator a take.
    """
    made = ids.copy()
    for take, spans in enumerate(references):
        for span in spans:
            first = -(-span.start // FRAMES_A_TOKEN)
            end = min(span.end // FRAMES_A_TOKEN, made.shape[1])
            if end > first:
                frames = slice(first * FRAMES_A_TOKEN - span.start, end * FRAMES_A_TOKEN - span.start)
                codes = encode(encode_motion(span.motion)[frames])
                hidden = random[take].random(codes.shape) < share_masked(span.strength)
                hidden |= _fading(span, first, end, made.shape[1])[:, None]
                made[take, first:end] = np.where(hidden, mask_id, codes)
    return made


def share_masked(strength: float) -> float:
    """Of the codes of an example that is followed so closely, 0 to 1."""
    return MASKED[0] + 2 * (1 - strength) * (MASKED[1] - MASKED[0])


def _fading(span: ReferenceSpan, first: int, end: int, count: int) -> Flags:
    """Which tokens [first, end) of `count` are within the example's fade of other frames."""
    place, reach = np.arange(first, end), -(-span.fade // FRAMES_A_TOKEN)
    near_start = (place < first + reach) & (first > 0)
    near_end = (place >= end - reach) & (end < count)
    return np.asarray(near_start | near_end)
