"""What weights expect of their input and how they are sampled, by motion layout: the one place where families differ.

A network was trained with boxes, cameras and texts of a certain kind, and its authors sample it in a certain way.
`ModelConfig.conventions` is looked up by everything that prepares conditions or draws samples.  Those of layout `gem`
follow NVlabs/GENMO at commit b7d3b6b and zju3dv/GVHMR, which agree in all that is here but what GVHMR has not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conventions:
    """How a family of weights is used; the defaults are genmo's own."""

    box_aspect: float = 1.0
    """width over height of the box that is fitted around the keypoints before it is made square; 1: no widening"""
    box_keypoints: int = 2
    """visible keypoints that the bounding-box condition needs"""
    unknown_camera_stands: bool = False
    """the camera condition of keypoints without camera poses: True, one that stands still; False, absent"""
    second_order: bool = True
    """DPM-Solver++ 2M, denser where noise is strong; False: DDIM (eta 0) with evenly spaced steps"""
    steps: int = 10
    """denoising steps where none are asked for"""
    guidance: float = 3.0
    """weight of texts and music where none is asked for; 1 is none"""
    null_text_in_gaps: bool = True
    """without guidance's texts, frames outside every text get the null text; False: they get no text attention,
    there as with the texts"""


GENMO = Conventions()
CONVENTIONS = {
    "genmo": GENMO,
    "gem": Conventions(
        box_aspect=192 / 256,
        box_keypoints=4,
        unknown_camera_stands=True,
        second_order=False,
        steps=50,
        guidance=2.5,
        null_text_in_gaps=False,
    ),
}
"""Conventions by the name of the motion layout."""
