"""One self-contained page that plays the motion: no network, no library, opens from a mail or a disk.

The page is `viewer.html` with two places filled in: the title, and the motion as JSON with base64 arrays
(little-endian; layouts are in `motion_payload`).
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.formats.body import body_mesh, ground_height
from genmo.runtime.formats.glb import continuous_quaternions
from genmo.runtime.motion import Motion, contact_labels
from genmo.runtime.rotation import Array
from genmo.runtime.skeleton import CONTACT_JOINTS, JOINTS, PARENTS

FULL_SCALE = 32767  # what 1.0 is in 16 bits: rotations to 0.002 degrees, vertices to 0.03 mm


def to_html(motion: Motion, title: str | None = None, prompt: str | None = None) -> bytes:
    """The page; `title` is its headline and `prompt` the line under it (what the motion was made from)."""
    page = (Path(__file__).parent / "viewer.html").read_text(encoding="utf-8")
    # JSON in a script element may hold no "<": the browser would look for "</script>" in it.
    data = json.dumps(motion_payload(motion, title, prompt), separators=(",", ":")).replace("<", "\\u003c")
    before, rest = page.split("@TITLE@")
    middle, after = rest.split("@DATA@")
    return "".join([before, html.escape(title or "genmo motion"), middle, data, after]).encode()


def motion_payload(motion: Motion, title: str | None = None, prompt: str | None = None) -> dict[str, Any]:
    """What the page's script reads.  Arrays: quaternions int16 [N, 24, 4] (w, x, y, z), translation float32
    [N, 3] metres, contacts uint8 [N, 6], and the skinned mesh of `body`."""
    joints = motion.joints_world()
    contacts = contact_labels(joints, motion.fps) if motion.contacts is None else motion.contacts
    offsets = np.asarray(motion.rest_offsets, np.float64)
    return {
        "title": title,
        "prompt": prompt,
        "fps": float(motion.fps),
        "frames": motion.frames,
        "joints": JOINTS,
        "parents": PARENTS,
        "offsets": np.round(offsets, 6).tolist(),
        "contactJoints": CONTACT_JOINTS,
        "ground": ground_height(joints),
        "quaternions": _packed(FULL_SCALE * continuous_quaternions(motion.rotations), "<i2"),
        "translation": _packed(np.asarray(motion.translation), "<f4"),
        "contacts": _packed(255 * np.clip(contacts, 0, 1), "u1"),
        "mesh": _mesh_payload(offsets),
    }


def _mesh_payload(offsets: Array) -> dict[str, Any]:
    body = body_mesh(offsets)
    scale = float(np.abs(body.vertices).max()) / FULL_SCALE
    return {
        "scale": scale,
        "vertices": _packed(body.vertices / scale, "<i2"),
        "normals": _packed(127 * body.normals, "i1"),
        "joints": _packed(body.joints, "u1"),
        "weights": _packed(255 * body.weights, "u1"),
        "faces": _packed(body.faces, "<u2"),
    }


def _packed(values: npt.NDArray[Any], dtype: str) -> str:
    """Base64 of `values`, rounded where `dtype` is an integer."""
    stored = np.rint(values) if np.dtype(dtype).kind in "iu" else values
    return base64.b64encode(np.ascontiguousarray(stored.astype(dtype)).tobytes()).decode()
