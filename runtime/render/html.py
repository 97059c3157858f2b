"""One self-contained page that plays a motion or compares several: no network, no library, opens from a mail or a disk.

The page is `player/page.html` with three places filled in: the title, the motions as JSON with base64 arrays
(little-endian; layouts are in `motion_payload`), and the scripts beside it, joined into one.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.provenance import NO_SOURCES, MotionSources
from genmo.runtime.motion.ground import HeightGrid, Heights
from genmo.runtime.motion.motion import Camera, Motion, contact_labels
from genmo.runtime.motion.rotation import continuous_quaternions
from genmo.runtime.motion.skeleton import CONTACT_JOINTS, JOINT_COUNT, JOINTS, PARENTS
from genmo.runtime.motion.smpl_body import SMPLX_PELVIS
from genmo.runtime.render.mannequin import GROUND, body_mesh
from genmo.runtime.render.terrain import grid_around
from genmo.runtime.support.arrays import Array

PLAYER = Path(__file__).parent / "player"
FORMATS = ("motion", "bodies", "read_npz", "read_bvh", "read_glb", "write")
"""scripts that pose, read and write motions; they run without a page too, given `document` with the data"""
SCRIPTS = (*FORMATS, "terrain", "view", "webgl", "canvas", "timeline", "player", "files", "controls")
"""all scripts of the page, in order"""
FULL_SCALE = 32767  # what 1.0 is in 16 bits: rotations to 0.002 degrees, vertices to 0.03 mm


def to_html(
    motion: Motion,
    title: str | None = None,
    prompt: str | None = None,
    sources: MotionSources = NO_SOURCES,
    ground: Heights | None = None,
) -> bytes:
    """The page; `title` is its headline, `prompt` the line under it, `sources` what the motion was made from, `ground`
    what the person walks on (None: y = 0)."""
    return page([motion_payload(motion, sources=sources, ground=ground)], title, prompt)


def compare_html(
    named: Sequence[tuple[str, Motion, MotionSources]], title: str | None = None, ground: Heights | None = None
) -> bytes:
    """The page that shows several motions, side by side or over one another, each under its name."""
    return page([motion_payload(motion, name, sources, ground) for name, motion, sources in named], title)


def page(people: Sequence[dict[str, Any]], title: str | None = None, prompt: str | None = None) -> bytes:
    """The page of several payloads, of motions and of files."""
    text = (PLAYER / "page.html").read_text(encoding="utf-8")
    files_alone = all("file" in person for person in people)
    payload = {
        "title": title,
        "prompt": prompt,
        "joints": JOINTS,
        "parents": PARENTS,
        "contactJoints": CONTACT_JOINTS,
        "ground": GROUND,
        "smplxPelvis": SMPLX_PELVIS,
        "people": list(people),
        "mannequin": motion_payload(_standing()) if files_alone else None,
    }
    # JSON in a script element may hold no "<": the browser would look for "</script>" in it.
    data = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
    before, rest = text.split("@TITLE@")
    middle, rest = rest.split("@DATA@")
    between, after = rest.split("@SCRIPT@")
    return "".join(
        [before, html.escape(title or "genmo motion"), middle, data, between, script(SCRIPTS), after]
    ).encode()


def script(names: Sequence[str]) -> str:
    """Scripts of the page by their names, joined."""
    return "".join((PLAYER / f"{name}.js").read_text(encoding="utf-8") for name in names)


def file_payload(name: str, data: bytes) -> dict[str, Any]:
    """What the page's script reads of a motion that it opens itself: a .bvh or .glb of any skeleton, as its `name`
    ends."""
    return {"name": name, "file": base64.b64encode(data).decode()}


def motion_payload(
    motion: Motion, name: str | None = None, sources: MotionSources = NO_SOURCES, ground: Heights | None = None
) -> dict[str, Any]:
    """What the page's script reads of one motion.

    Arrays: quaternions int16 [N, 24, 4] (w, x, y, z), translation float32 [N, 3] metres, contacts uint8 [N, 6], the
    skinned mesh of `body`; `sources` as in `_sources_payload`, and `camera` (null where none is known or estimated):
    its poses to the world, quaternions int16 [N, 4] and positions float32 [N, 3], and whether it is given or only where
    the motion was seen from.  `terrain` (null where the ground is flat): heights float32 of `size` [2], the first at
    `origin` (x, z), `spacing` metres apart.
    """
    joints = motion.joints_world()
    contacts = contact_labels(joints, motion.fps) if motion.contacts is None else motion.contacts
    offsets = np.asarray(motion.rest_offsets, np.float64)
    seen_from = motion.viewpoint()
    return {
        "name": name,
        "fps": float(motion.fps),
        "frames": motion.frames,
        "offsets": np.round(offsets, 6).tolist(),
        "betas": np.asarray(motion.betas, np.float64).tolist(),
        "quaternions": _packed(FULL_SCALE * continuous_quaternions(motion.rotations), "<i2"),
        "translation": _packed(np.asarray(motion.translation), "<f4"),
        "contacts": _packed(255 * np.clip(contacts, 0, 1), "u1"),
        "mesh": _mesh_payload(offsets),
        "camera": seen_from and _camera_payload(seen_from, motion.camera is not None),
        "given": _sources_payload(sources),
        "terrain": None if ground is None else _terrain_payload(grid_around(ground, motion.translation)),
    }


def _terrain_payload(grid: HeightGrid) -> dict[str, Any]:
    size = [int(count) for count in np.shape(grid.heights)]
    placed = {"origin": list(grid.origin), "spacing": grid.spacing, "size": size}
    return placed | {"heights": _packed(np.asarray(grid.heights), "<f4")}


def _standing() -> Motion:
    """A frame of the mean body, whose skin files of its skeleton are shown with."""
    return Motion(np.tile(np.eye(3), (1, JOINT_COUNT, 1, 1)), np.array([[0.0, 1.0, 0.0]]))


def _camera_payload(camera: Camera, known: bool) -> dict[str, Any]:
    quaternions = continuous_quaternions(np.asarray(camera.rotation, np.float64)[:, None])[:, 0]
    return {
        "quaternions": _packed(FULL_SCALE * quaternions, "<i2"),
        "positions": _packed(np.asarray(camera.position), "<f4"),
        "known": known,
    }


def _sources_payload(sources: MotionSources) -> dict[str, Any]:
    """Texts [prompt, start, end], spans [name, start, end], frames, places [frame, joint, x, y, z] (null: free), and
    views with their lens [fx, fy, cx, cy] in pixels and points, float32 [frames, 17, 3]."""
    rows = zip(sources.place_frames, sources.place_joints, sources.place_positions, strict=True)
    return {
        "texts": [[text.prompt, text.start, text.end] for text in sources.texts],
        "spans": [list(span) for span in sources.features],
        "beats": sources.beats.tolist(),
        "keyframes": sources.keyframes.tolist(),
        "places": [
            [int(frame), int(joint), *(float(value) if np.isfinite(value) else None for value in target)]
            for frame, joint, target in rows
        ],
        "views": [
            {
                "start": view.start,
                "end": view.end,
                "lens": [float(view.intrinsics[entry]) for entry in ((0, 0), (1, 1), (0, 2), (1, 2))],
                "points": _packed(view.points, "<f4"),
            }
            for view in sources.views
        ],
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
