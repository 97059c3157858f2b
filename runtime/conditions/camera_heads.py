"""What released weights predict beside the motion vector, as blocks of a wider one: contacts, the root in the camera.

The vector of layout `gem` has neither.  Its weak-perspective head places SMPL-X's `transl` relative to the bounding
box and lens of each frame, so the root is known where keypoints give a box; its contact head gives logits.  With these
blocks a `gem` answer is decoded, grounded, fitted and placed like one of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.keypoints import bounding_boxes
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.denoiser.conventions import Conventions
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.representation import from_weak_perspective, smplx_shape
from genmo.runtime.motion.rotation import matrix_from_6d, sixd_from_matrix, transpose
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.support.arrays import Array, Arrays


def with_heads(
    features: Array,
    heads: Arrays,
    layout: Layout,
    spans: Sequence[KeypointSpan],
    conventions: Conventions,
    body: SmplBody | None = None,
) -> tuple[Array, Layout]:
    """Features [frames, layout.width] (not normalised) with more blocks, and the layout of them all.

    `heads`: `weak_perspective` [frames, 3] and `contact_logits` [frames, 6], as the denoiser answers them.  Added are
    `contacts` and, where keypoint `spans` have a box, `root_translation_camera` (the pelvis, metres, OpenCV axes) and
    the pose of a static camera as the network sees it.  Unchanged for layouts without heads.
    """
    if not layout.heads:
        return features, layout
    blocks: Arrays = {"contacts": 1 / (1 + np.exp(-heads["contact_logits"].astype(np.float64)))}
    shape = smplx_shape(features, layout, body)
    root = _transl(heads["weak_perspective"].astype(np.float64), spans, conventions)
    if root is not None and shape is not None:
        own = layout.split(features)
        upright = matrix_from_6d(own["gravity_view_orientation"])
        to_world = upright @ transpose(matrix_from_6d(own["root_orientation_camera"]))
        blocks["root_translation_camera"] = root + shape.pelvis  # SMPL turns a body about its pelvis, which stays there
        blocks["camera_orientation"] = sixd_from_matrix(to_world)
        blocks["camera_translation"] = np.zeros_like(root)
    more = tuple((name, block.shape[-1]) for name, block in blocks.items())
    wider = replace(layout, blocks=(*layout.blocks, *more), heads=())
    return np.concatenate([features, *blocks.values()], axis=-1), wider


def _transl(weak: Array, spans: Sequence[KeypointSpan], conventions: Conventions) -> Array | None:
    """SMPL-X's `transl` in the camera [frames, 3] metres; between frames with a box on a line, None without any."""
    root, has_box = np.zeros_like(weak), np.zeros(len(weak), np.bool_)
    for span in spans:
        boxes, boxed = bounding_boxes(span.keypoints.points, conventions)
        indices, lens = np.arange(span.start, span.end)[boxed], span.keypoints.intrinsics
        root[indices] = from_weak_perspective(
            weak[indices], boxes[boxed], np.full(len(indices), lens[0, 0]), lens[:2, 2]
        )
        has_box[indices] = True
    if not has_box.any():
        return None
    frames = np.arange(len(weak))
    return np.stack([np.interp(frames, frames[has_box], root[has_box, axis]) for axis in range(3)], axis=-1)
