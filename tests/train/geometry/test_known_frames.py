"""Given frames as a condition: the twin of the runtime's, whatever is given."""

import numpy as np
import torch

from genmo.runtime.denoiser import known_frames as runtime
from genmo.train.geometry.known_frames import keyframe_condition
from genmo.train.geometry.representation import LAYOUT

BATCH, FRAMES = 12, 150
COLUMNS = np.repeat(np.arange(len(LAYOUT.groups)), [group.stop - group.start for group in LAYOUT.groups])


def test_it_is_the_runtimes(assert_same):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(BATCH, FRAMES, *shape, generator=generator)

    likely = torch.rand(BATCH, 1, 1, generator=generator) ** 4
    known = torch.rand(BATCH, FRAMES, len(LAYOUT.groups), generator=generator) < likely
    known[0], known[1] = False, True
    known[2], known[2, 0] = False, True  # all but its first frames are out of reach
    placed = known[..., 0] & (torch.rand(BATCH, 1, generator=generator) < 0.7)
    values, path, yaw = normal(LAYOUT.width), normal(3), normal()
    ours = keyframe_condition(values, known, placed, path, yaw)
    for index in range(BATCH):
        places = np.where(placed[index, :, None], path[index].double(), np.nan)
        mask = known[index].numpy()[:, COLUMNS]
        theirs = runtime.keyframe_condition(
            values[index].double().numpy(), mask, LAYOUT, places, yaw[index].double().numpy()
        )
        for name, array in theirs.items():
            assert_same(ours[name][index], array, 2e-5)
    assert 0 < ours["keyframes_mask"].mean() < 1
