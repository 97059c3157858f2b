"""Windows of tokens: by the step's number alone, on the mean skeleton, of clips that are true in the world."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.support.errors import InputError
from genmo.train.data.token_windows import TokenWindows, even_windows
from genmo.train.settings.token_config import TokenVariety
from tests.train.made_motions import made

PLAIN = TokenVariety(mirror=0, speed=0, mix=0, perturb=0, tilt=0)


def clips():
    walk = made(frames=60, speed=1.2)
    return [walk, replace(made(frames=40, turn=90.0), name="other/1", subject="other/1")]


def test_a_step_is_always_the_same_windows():
    one, two = (TokenWindows(clips(), [1.0, 1.0], TokenVariety(), 5) for _ in range(2))
    one.draw(0, 2, 16)
    assert torch.equal(one.draw(3, 4, 16), two.draw(3, 4, 16))
    assert not torch.equal(one.draw(4, 4, 16), two.draw(3, 4, 16))


def test_plain_windows_are_stretches_of_the_clips():
    walk = clips()[0]
    whole = even_windows([walk], 60, 1)[0]
    drawn = TokenWindows([walk], [1.0], PLAIN, 0).draw(0, 3, 16)
    assert drawn.shape == (3, 16, TOKEN_LAYOUT.width)
    for window in drawn:
        starts = [at for at in range(45) if torch.allclose(window[:15], whole[at : at + 15], atol=1e-5)]
        assert starts


def test_a_mirrored_walk_turns_the_other_way():
    turning = [clips()[1]]
    turn = TOKEN_LAYOUT.slices["turn"]
    left = TokenWindows(turning, [1.0], PLAIN, 0).draw(0, 2, 16)[..., turn]
    right = TokenWindows(turning, [1.0], replace(PLAIN, mirror=1.0), 0).draw(0, 2, 16)[..., turn]
    assert left.mean() > 0.01 and right.mean() == pytest.approx(-left.mean())


def test_clips_are_drawn_by_their_weights():
    windows = TokenWindows(clips(), [0.9, 0.1], PLAIN, 0)
    drawn = windows.draw(0, 200, 16)
    turning = (drawn[:, 0, TOKEN_LAYOUT.slices["turn"]] > 0.01).float().mean()
    assert 0.04 < turning < 0.2


def test_clips_without_a_path_are_left_out():
    local = [replace(clip, truth="local") for clip in clips()]
    with pytest.raises(InputError, match="no clip in data holds its motion in the world"):
        TokenWindows(local, [1.0, 1.0], PLAIN, 0)
    with pytest.raises(InputError, match="no clip in the world has 64 frames"):
        TokenWindows(clips(), [1.0, 1.0], PLAIN, 0).draw(0, 1, 64)
    with pytest.raises(InputError, match="no validation clip has 64 frames"):
        even_windows(clips(), 64, 3)


def test_even_windows_are_spread_over_the_clips():
    windows = even_windows(clips(), 8, 4)  # of the 7 + 5 that there are
    assert windows.shape == (4, 8, TOKEN_LAYOUT.width)
    turning = windows[:, 0, TOKEN_LAYOUT.slices["turn"]].numpy()[:, 0] > 0.01
    assert np.array_equal(turning, [False, False, True, True])
