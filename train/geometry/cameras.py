"""Cameras as tensors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Cameras:
    """Poses (camera to world, OpenCV axes) and pinhole intrinsics of a batch of cameras."""

    rotation: Tensor
    """[batch, frames, 3, 3]"""
    position: Tensor
    """[batch, frames, 3]"""
    focal: Tensor
    """[batch] focal length over image height"""
    aspect: Tensor
    """[batch] image width over height"""
    moving: Tensor
    """[batch] bool"""
