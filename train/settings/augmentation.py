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
