"""What a frame shows: the body under one light on a chequered floor, seen by a camera that goes with it.

A floor that is not flat is a mesh, drawn with the body (`terrain_view`).  The floor and the light are those of the
`.html` player.  The same motion gives the same pixels; without libgenmo they
may differ by a grey level.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import heading, normalize, rotate
from genmo.runtime.motion.skeleton import rest_joints
from genmo.runtime.render.floor import HALF, Floor
from genmo.runtime.render.mannequin import GROUND, BodyMesh, body_mesh
from genmo.runtime.render.rasterizer import blurred, coverage, drawn
from genmo.runtime.render.shot import FIELD, NEAR, Pixels, Shot
from genmo.runtime.render.terrain_view import TerrainView
from genmo.runtime.support.arrays import Array

DISTANCE = 4.3  # metres
ELEVATION = np.radians(11.5)
BESIDE = np.radians(31.5)  # how far beside the person's front the camera stands at first
ROOM = 0.16  # metres of a body, and of air, around its joints
AIM = 0.88  # metres over the floor that the camera looks at
FOLLOW = 0.5  # seconds over which the camera's path is smoothed
SHADOW_BLUR = 2  # pixels at 720 rows
BODY = np.asarray([0.90, 0.56, 0.40])


class Scene:
    """A motion ready to be drawn, `width` x `height` pixels a frame.

    `smooth`: the body is drawn at that many times the size and averaged; 1: edges are steps.  `ground`: what the person
    walks on; None: the floor y = 0.
    """

    def __init__(
        self, motion: Motion, width: int = 1280, height: int = 720, smooth: int = 2, ground: Heights | None = None
    ) -> None:
        self.width, self.height, self.smooth = width, height, smooth
        offsets = np.asarray(motion.rest_offsets, np.float64)
        self._rotations, self.joints = (np.asarray(array, np.float64) for array in motion.kinematics())
        self._rest, self._mesh = rest_joints(offsets), body_mesh(offsets)
        self.ground = GROUND
        self._path = _smoothed(self.joints[:, 0], FOLLOW * motion.fps)
        self._level = np.full(len(self._path), self.ground)
        """[frames] height of the floor that the camera goes over"""
        forward = self._rotations[0, 0, :, 2]
        self._azimuth = heading(forward) + BESIDE
        side = self._azimuth - 0.65
        self._sun = normalize(np.asarray([0.66 * np.sin(side), 1.0, 0.66 * np.cos(side)]))
        self._terrain: TerrainView | None = None
        if ground is not None:
            self._terrain = TerrainView(ground, self.joints[:, 0], self._sun)
            under = self._terrain.under(self.joints[:, 0])[:, None]
            self._level = _smoothed(under, FOLLOW * motion.fps)[:, 0]

    @property
    def frames(self) -> int:
        return len(self.joints)

    def shot(self, frame: int, scale: int = 1) -> Shot:
        """The camera of a frame, its picture `scale` times as large."""
        flat = np.cos(ELEVATION)
        back = np.asarray([np.sin(self._azimuth) * flat, np.sin(ELEVATION), np.cos(self._azimuth) * flat])
        right = normalize(np.cross((0.0, 1.0, 0.0), back))
        centre = np.asarray([self._path[frame, 0], self._level[frame] + AIM, self._path[frame, 2]])
        # A narrow picture needs more distance: arms reach as far to the sides as from the middle to the feet.
        distance = max(DISTANCE * max(1.0, 0.9 * self.height / self.width), self._fitting)
        eye = centre + distance * back
        return Shot(eye, right, np.cross(back, right), back, self.width * scale, self.height * scale)

    @cached_property
    def _fitting(self) -> float:
        """Metres from which every joint of every frame is inside: people jump, and raise their arms."""
        flat = np.cos(ELEVATION)
        back = np.asarray([np.sin(self._azimuth) * flat, np.sin(ELEVATION), np.cos(self._azimuth) * flat])
        right = normalize(np.cross((0.0, 1.0, 0.0), back))
        centres = self._path * (1.0, 0.0, 1.0) + np.outer(self._level + AIM, (0.0, 1.0, 0.0))
        apart = self.joints - centres[:, None]
        half = np.tan(FIELD / 2) * np.asarray([self.width / self.height, 1.0])
        sides = np.abs(np.stack([apart @ right, apart @ np.cross(back, right)], axis=-1)) + ROOM
        return float(((sides / half).max(axis=-1) + apart @ back).max())

    def picture(self, frame: int) -> Pixels:
        """[height, width, 3] what the camera sees, 0 to 255."""
        vertices, normals = self._skinned(frame)
        shot = self.shot(frame)
        if self._terrain is None:
            image = self._floor.tiles(shot.eye)
            self._cast_shadow(image, shot, vertices)
            self._put_body(image, self.shot(frame, self.smooth), vertices, normals)
        else:
            fine = self.shot(frame, self.smooth)
            lit = self._lit(fine, vertices, normals, self._terrain.under(vertices))
            image = self._terrain.picture(fine, self.smooth, vertices, self._faces, lit)
        shown = np.empty((self.height, self.width, 3), np.uint8)
        for channel in range(3):
            np.copyto(shown[..., channel], image[channel], casting="unsafe")
        return shown

    @cached_property
    def _floor(self) -> Floor:
        shot = self.shot(0)
        height = float(shot.eye[1] - self.ground)
        aim = -shot.back[[0, 2]] * (height - AIM) / shot.back[1]
        return Floor((shot.right, shot.up, shot.back), height, aim, shot.focal, (self.width, self.height))

    def _skinned(self, frame: int) -> tuple[Array, Array]:
        """Vertices and unit normals [vertices, 3] in the world: linear blend skinning."""
        mesh, rotations = self._mesh, self._rotations[frame]
        blend = self._weights @ rotations.reshape(len(rotations), 9)  # [vertices, 9]
        turn = blend.reshape(-1, 3, 3)  # [vertices, 3, 3]
        moved = self._weights @ (self.joints[frame] - rotate(rotations, self._rest))
        return rotate(turn, mesh.vertices.astype(np.float64)) + moved, normalize(rotate(turn, mesh.normals))

    @cached_property
    def _weights(self) -> Array:
        """[vertices, 24] the mesh's skin weights."""
        mesh: BodyMesh = self._mesh
        weights = np.zeros((len(mesh.vertices), len(self._rest)))
        np.add.at(weights, (np.arange(len(weights))[:, None], mesh.joints), mesh.weights)
        return weights

    def _put_body(self, image: Array, shot: Shot, vertices: Array, normals: Array) -> None:
        """Lay the body onto an image of `Floor.tiles`; `shot` is `smooth` times as fine."""
        pixels, depth = shot.project(vertices)
        faces = self._in_front(depth)
        corners = pixels[faces]  # [faces, 3, 2]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        # y runs down in pixels: faces that are counter-clockwise from outside turn the other way on the screen.
        facing = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
        faces, corners = faces[facing], corners[facing]
        box = _box(pixels / self.smooth, self.width, self.height, 0)
        if box is None or not len(faces):
            return
        rows, columns = box
        corners = corners - self.smooth * np.asarray([columns.start, rows.start])
        colors = (255 * self._lit(shot, vertices, normals, self.ground) + HALF)[faces]
        body = drawn(corners, depth[faces], colors, columns.stop - columns.start, rows.stop - rows.start, self.smooth)
        behind = 1 - body[..., 3]
        for channel, plane in enumerate(image[:, rows, columns]):
            plane *= behind
            plane += body[..., channel]
            np.minimum(plane, 255, out=plane)  # light adds up to more

    def _lit(self, shot: Shot, vertices: Array, normals: Array, floor: Array | float) -> Array:
        """Colours [vertices, 3]: wrapped light of the sun, light of the sky and floor, a rim and a little shine.

        `floor` [vertices], or one: its height under them."""
        view = normalize(shot.eye - vertices)
        half = normalize(self._sun + view)
        wrap = np.clip(normals @ self._sun * 0.62 + 0.38, 0, 1) ** 2
        sky = 0.5 + 0.5 * normals[:, 1]
        rim = (1 - np.maximum((normals * view).sum(axis=-1), 0)) ** 3
        shine = np.maximum((normals * half).sum(axis=-1), 0) ** 28
        low = (vertices[:, 1] - floor + 0.25 * np.maximum(normals[:, 1], 0)) / 0.5
        near_floor = 0.72 + 0.28 * smoothstep(low)
        dark, bright = np.asarray([0.30, 0.31, 0.38]), np.asarray([0.50, 0.52, 0.55])
        ambient = (dark + np.outer(sky, bright - dark)) * near_floor[:, None]
        lit = BODY * (ambient + np.outer(wrap, [0.80, 0.76, 0.70]))
        return np.asarray(lit + 0.10 * shine[:, None] + np.outer(0.16 * rim, 0.4 * BODY + 0.6))

    def _cast_shadow(self, image: Array, shot: Shot, vertices: Array) -> None:
        """Lay the body along the light onto the floor of an image of `Floor.tiles`, its edge a little soft."""
        height = np.maximum(vertices[:, 1] - self.ground, 0)
        flat = vertices - height[:, None] * (self._sun / self._sun[1])
        flat[:, 1] = self.ground
        pixels, depth = shot.project(flat)
        radius = max(1, round(SHADOW_BLUR * shot.height / 720))
        box = _box(pixels, shot.width, shot.height, 2 * radius + 1)
        if box is not None:
            rows, columns = box
            corners = (pixels - np.asarray([columns.start, rows.start]))[self._in_front(depth)]
            mask = coverage(corners, columns.stop - columns.start, rows.stop - rows.start)
            self._floor.darken(image, blurred(mask.astype(np.float32), radius), (rows.start, columns.start))

    def _in_front(self, depth: Array) -> npt.NDArray[np.intp]:
        """Triangles [faces, 3] of the body that are before the camera, given the depth [vertices] of its vertices."""
        faces = self._faces
        return faces if depth.min() > NEAR else faces[(depth[faces] > NEAR).all(axis=1)]

    @cached_property
    def _faces(self) -> npt.NDArray[np.intp]:
        return self._mesh.faces.astype(np.intp)


def _box(pixels: Array, width: int, height: int, margin: int) -> tuple[slice, slice] | None:
    """Rows and columns of a picture that hold the points [points, 2], widened by `margin`; None where none does."""
    low = np.maximum(np.floor(pixels.min(axis=0)) - margin, 0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=0)) + margin, (width, height)).astype(int)
    return (slice(low[1], high[1]), slice(low[0], high[0])) if (high > low).all() else None


def _smoothed(path: Array, width: float) -> Array:
    """A path [frames, 3] averaged with a bell of `width` frames (standard deviation), its ends held."""
    radius = max(1, round(3 * width))
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(width, 1e-6)) ** 2)
    padded = np.pad(path, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, bell / bell.sum(), mode="valid") for column in padded.T], axis=-1)
