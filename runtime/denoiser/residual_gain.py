"""What x_t shows of a motion and the network left out of its answer: the numbers that training and export share.

A network predicts x_0 as the mean of what it takes for possible, and a small one takes too little from x_t: arms swing
over half of their way.  The innovation of a Kalman filter is what was measured less what was expected; here that is
x_t - sqrt(a) x_0, which holds what was missed of the motion, times sqrt(a), and noise of variance 1 - a.  Motion is
slow and noise is not, so the innovation is smoothed over time, which leaves 1 / `QUIETER` of the noise's variance, and
added to x_0 with the gain of such a filter,

    gain = v sqrt(a) / (v a + (1 - a) / QUIETER) = v trust / (1 + v trust sqrt(a)),  trust = sqrt(a) QUIETER / (1 - a),

where v is the variance of what was missed.  Its logarithm is what a head of the network answers for every joint and
frame.  Estimation, from x_t = 0 at the last timestep, is left as it is: there sqrt(a) is 5e-5.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.denoiser import schedule
from genmo.runtime.motion.layout import SIXD, Layout
from genmo.runtime.support.arrays import Array

SPREAD = 4.0
"""frames, standard deviation of the smoothing Gaussian"""
REACH = 12
"""frames on either side that it looks at"""
FIRST_JOINT = 1
"""joints before it are left as they are: the root is predicted well, and what it does moves the whole body"""


def turns(layout: Layout) -> slice:
    """Where in a frame's features the joints' turns are, SIXD numbers a joint from FIRST_JOINT on."""
    block = layout.slices["joint_rotations"]
    return slice(block.start + SIXD * FIRST_JOINT, block.stop)


def kernel() -> Array:
    """[2 REACH + 1] weights of the smoothing, of sum 1."""
    weights = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / SPREAD) ** 2)
    return np.asarray(weights / weights.sum())


QUIETER = float(1 / (kernel() ** 2).sum())
"""how many times less of independent noise's variance is left behind the smoothing"""


def roots() -> Array:
    """[1000] sqrt(a) of the cumulative alpha of every timestep."""
    return np.asarray(schedule.alphas_cumprod() ** 0.5)


def trusts() -> Array:
    """[1000] `trust` of every timestep: see above."""
    level = schedule.alphas_cumprod()
    return np.asarray(level**0.5 * QUIETER / (1 - level))
