"""How varied training samples are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentationConfig:
    """How strongly samples are changed."""

    mirror: float = 0.5
    """chance that a sample is mirrored"""
    speed: float = 0.3
    """chance that a sample is played 0.8 to 1.25 times as fast"""
    shape: float = 0.6
    """spread of the change of each beta, in standard deviations of the actors"""
    mix: float = 0.3
    """chance that an estimation sample gets limbs of another"""
    perturb: float = 0.5
    """chance that an estimation sample's joints are bent a little"""
    tilt: float = 0.2
    """chance that an estimation sample leans as a whole"""
    no_text: float = 0.15
    """chance that a generation sample is trained without its text, or without its music (guidance needs both)"""
    own_camera: float = 0.5
    """chance that a recording with a camera or keypoints of its own is seen by these; always, if it has features of its
    video, or no 3D in the world"""
    proportions: float = 0.25
    """chance that a sample's torso is longer or shorter for its legs: 0.6 to 0.78 of them"""
    straight_legs: float = 0.35
    """chance that a sample of somebody upright gets straighter knees, the feet where they were"""
    framing: float = 0.15
    """chance that an estimation sample is cut: by the image's border, at the waist, at the chest, to one side"""
    near_camera: float = 0.08
    """chance that a camera is as near as a webcam, so that the image holds only a part of the person"""
    drift: float = 0.3
    """chance that keypoints have errors that last for some frames"""
    definitions: float = 0.2
    """chance that hips and shoulders are where another detector has them, 3 to 5 % of the height away"""
    cleaned: float = 0.6
    """chance that noisy keypoints are smoothed by their noise, as the runtime does"""
    low_rate: float = 0.05
    """chance that keypoints are of every 2nd to 6th frame, those between interpolated"""
    exchanged: float = 0.03
    """chance that left and right of the keypoints are exchanged for some frames"""
    astray: float = 0.05
    """chance that some keypoints are far off for some frames, or on the other side's limb"""
    keyframes: float = 0.35
    """chance that a generation sample has frames that are given"""
