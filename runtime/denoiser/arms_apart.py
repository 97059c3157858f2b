"""A denoiser whose arms follow texts of their own: two answers, of which each joint takes one.

Predictions of the clean motion are composed joint by joint before guidance acts on them, which is the same as after it:
guidance is linear.  MotionDiffuse (Zhang et al. 2022) and STMC (Petrovich et al. 2024) compose parts of the body in the
sampler too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.denoiser.sampler import Denoiser, Step, stepper
from genmo.runtime.motion.joints import JOINT_COUNT, joint_indices
from genmo.runtime.motion.layout import BODY_JOINTS, SIXD, Layout
from genmo.runtime.support.arrays import Array, Arrays

ARM_JOINTS = joint_indices(
    *(f"{side}_{joint}" for joint in ("collar", "shoulder", "elbow", "wrist", "hand") for side in ("left", "right"))
)
EASE = 8
"""frames over which the arms go from one text to another"""


def arm_share(layout: Layout, spans: Array, frames: int) -> Array:
    """[frames, layout.width] float32, 1 where a feature is an arm's and the frame within one of `spans` [texts, 2]
    (start, end), 0 elsewhere, eased over `EASE` frames within a span's ends that are not the motion's."""
    moments, share = np.arange(frames), np.zeros(frames)
    for start, end in spans:
        inside = np.minimum(
            np.inf if start <= 0 else moments - start + 1, np.inf if end >= frames else end - moments
        ) / (EASE + 1)
        share = np.maximum(share, np.clip(inside, 0, 1))
    arms = np.zeros(layout.width)
    for name, of_joints in (("joint_rotations", slice(0, JOINT_COUNT)), ("body_rotations", BODY_JOINTS)):
        if name in layout.slices:
            rotations = arms[layout.slices[name]].reshape(-1, SIXD)  # a view
            rotations[np.isin(np.arange(of_joints.start, of_joints.stop), ARM_JOINTS)] = 1
    return np.asarray(share[:, None] * arms, np.float32)


@dataclass(frozen=True, eq=False)
class ArmsApart:
    """A `PreparedDenoiser` over another one."""

    denoiser: Denoiser
    texts: Arrays
    """[1, texts, ...] text conditions of the arms"""
    share: Array
    """[frames, features] how much of a prediction is the arms' (`arm_share`)"""

    def __call__(self, inputs: Arrays) -> Arrays:
        conditions = {name: value for name, value in inputs.items() if name not in ("x_t", "timestep")}
        return self.prepare(conditions)(inputs["x_t"], int(inputs["timestep"].flat[0]))

    def prepare(self, conditions: Arrays) -> Step:
        """The step under conditions, of which the texts are those of the body; rows without a text stay as they are."""
        body = stepper(self.denoiser, conditions)
        said = conditions["text_tokens"] * conditions["text_token_mask"][..., None]
        rows = np.flatnonzero(said.any(axis=(1, 2, 3)))
        if not len(rows):
            return body
        apart = {name: value[rows] for name, value in conditions.items()}
        apart |= {name: np.repeat(value, len(rows), axis=0) for name, value in self.texts.items()}
        arms = stepper(self.denoiser, apart)

        def step(x_t: Array, timestep: int) -> Arrays:
            answer = dict(body(x_t, timestep))
            x_0 = np.array(answer["x_0"])
            x_0[rows] += self.share * (arms(x_t[rows], timestep)["x_0"] - x_0[rows])
            return answer | {"x_0": x_0}

        return step
