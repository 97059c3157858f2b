"""What a frame shows: the body under one light on a chequered floor, seen by a camera that goes with it.

The floor and the light are those of the `.html` player.  The same motion gives the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import heading, normalize, rotate
from genmo.runtime.motion.skeleton import rest_joints
from genmo.runtime.render.mannequin import GROUND, BodyMesh, body_mesh
from genmo.runtime.render.rasterizer import coverage, nearest
from genmo.runtime.support.arrays import Array

Pixels = npt.NDArray[np.uint8]

FIELD = np.radians(35.5)  # vertical opening of the camera
DISTANCE = 4.3  # metres
ELEVATION = np.radians(11.5)
BESIDE = np.radians(31.5)  # how far beside the person's front the camera stands at first
AIM = 0.88  # metres over the floor that the camera looks at
FOLLOW = 0.5  # seconds over which the camera's path is smoothed
SHADOW_BLUR = 2  # pixels at 720 rows
BODY = np.asarray([0.90, 0.56, 0.40])
SKY, LIGHT_TILE, SHADE_TILE = (
    np.asarray(rgb) for rgb in ([0.914, 0.929, 0.945], [0.865, 0.885, 0.905], [0.80, 0.826, 0.855])
)
SHADOW, SHADOW_ALPHA = np.asarray([0.02, 0.04, 0.08]), 0.3
NEAR = 0.05  # metres; what is nearer to the camera is not drawn


@dataclass(frozen=True, eq=False)
class Shot:
    """The camera of one frame: `right`, `up`, `back` [3] are its axes in the world, `eye` [3] its place, metres."""

    eye: Array
    right: Array
    up: Array
    back: Array
    width: int
    height: int

    @property
    def focal(self) -> float:
        """Pixels."""
        return float(0.5 * self.height / np.tan(FIELD / 2))

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels [..., 2] (x right, y down, 0 at the outer edge of the first) and metres in front of the camera [...]
        of world points [..., 3]."""
        relative = points - self.eye
        depth = -(relative @ self.back)
        scale = self.focal / np.maximum(depth, NEAR)
        x = 0.5 * self.width + scale * (relative @ self.right)
        return np.stack([x, 0.5 * self.height - scale * (relative @ self.up)], axis=-1), depth


class Scene:
    """A motion ready to be drawn, `width` x `height` pixels a frame.

    `smooth`: the body is drawn at that many times the size and averaged; 1: edges are steps.
    """

    def __init__(self, motion: Motion, width: int = 1280, height: int = 720, smooth: int = 2) -> None:
        self.width, self.height, self.smooth = width, height, smooth
        offsets = np.asarray(motion.rest_offsets, np.float64)
        self._rotations, self.joints = (np.asarray(array, np.float64) for array in motion.kinematics())
        self._rest, self._mesh = rest_joints(offsets), body_mesh(offsets)
        self.ground = GROUND
        self._path = _smoothed(self.joints[:, 0], FOLLOW * motion.fps)
        forward = self._rotations[0, 0, :, 2]
        self._azimuth = heading(forward) + BESIDE
        side = self._azimuth - 0.65
        self._sun = normalize(np.asarray([0.66 * np.sin(side), 1.0, 0.66 * np.cos(side)]))

    @property
    def frames(self) -> int:
        return len(self.joints)

    def shot(self, frame: int, scale: int = 1) -> Shot:
        """The camera of a frame, its picture `scale` times as large."""
        flat = np.cos(ELEVATION)
        back = np.asarray([np.sin(self._azimuth) * flat, np.sin(ELEVATION), np.cos(self._azimuth) * flat])
        right = normalize(np.cross((0.0, 1.0, 0.0), back))
        centre = np.asarray([self._path[frame, 0], self.ground + AIM, self._path[frame, 2]])
        # A narrow picture needs more distance: arms reach as far to the sides as from the middle to the feet.
        distance = DISTANCE * max(1.0, 0.9 * self.height / self.width)
        eye = centre + distance * back
        return Shot(eye, right, np.cross(back, right), back, self.width * scale, self.height * scale)

    def picture(self, frame: int) -> Pixels:
        """[height, width, 3] what the camera sees, 0 to 255."""
        vertices, normals = self._skinned(frame)
        shot = self.shot(frame)
        back = self._floor(shot, vertices)
        body, alpha = self._body(self.shot(frame, self.smooth), vertices, normals)
        mixed = back * (1 - alpha[..., None]) + body
        return np.asarray(np.rint(255 * np.clip(mixed, 0, 1)), np.uint8)

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

    def _body(self, shot: Shot, vertices: Array, normals: Array) -> tuple[Array, Array]:
        """Colours times coverage [height, width, 3] and coverage [height, width] of the body."""
        pixels, depth = shot.project(vertices)
        faces = self._mesh.faces.astype(np.intp)
        corners = pixels[faces]  # [faces, 3, 2]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        # y runs down in pixels: faces that are counter-clockwise from outside turn the other way on the screen.
        facing = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
        faces = faces[facing & (depth[faces] > NEAR).all(axis=1)]
        colors = self._lit(shot, vertices, normals)
        image, z_buffer = nearest(pixels[faces], depth[faces], colors[faces], shot.width, shot.height)
        alpha = np.isfinite(z_buffer).astype(np.float64)
        return _averaged(image * alpha[..., None], self.smooth), _averaged(alpha, self.smooth)

    def _lit(self, shot: Shot, vertices: Array, normals: Array) -> Array:
        """Colours [vertices, 3]: wrapped light of the sun, light of the sky and floor, a rim and a little shine."""
        view = normalize(shot.eye - vertices)
        half = normalize(self._sun + view)
        wrap = np.clip(normals @ self._sun * 0.62 + 0.38, 0, 1) ** 2
        sky = 0.5 + 0.5 * normals[:, 1]
        rim = (1 - np.maximum((normals * view).sum(axis=-1), 0)) ** 3
        shine = np.maximum((normals * half).sum(axis=-1), 0) ** 28
        low = (vertices[:, 1] - self.ground + 0.25 * np.maximum(normals[:, 1], 0)) / 0.5
        near_floor = 0.72 + 0.28 * smoothstep(low)
        dark, bright = np.asarray([0.30, 0.31, 0.38]), np.asarray([0.50, 0.52, 0.55])
        ambient = (dark + np.outer(sky, bright - dark)) * near_floor[:, None]
        lit = BODY * (ambient + np.outer(wrap, [0.80, 0.76, 0.70]))
        return np.asarray(lit + 0.10 * shine[:, None] + np.outer(0.16 * rim, 0.4 * BODY + 0.6))

    def _floor(self, shot: Shot, vertices: Array) -> Array:
        """[height, width, 3] sky and floor with the body's shadow, 0 to 1."""
        down, across = np.meshgrid(
            0.5 - (np.arange(shot.height) + 0.5) / shot.height, (np.arange(shot.width) + 0.5) / shot.width - 0.5,
            indexing="ij",
        )  # fmt: skip
        rays = (
            (across * shot.width / shot.focal)[..., None] * shot.right
            + (down * shot.height / shot.focal)[..., None] * shot.up
            - shot.back
        )
        distance = (shot.eye[1] - self.ground) / np.maximum(-rays[..., 1], 1e-6)  # metres along the axis
        points = shot.eye[[0, 2]] + distance[..., None] * rays[..., [0, 2]]  # [height, width, 2] x and z on the floor
        # How many metres a pixel spans: across the ray, and along the floor, where it is stretched by the slant.
        wide = distance / shot.focal * np.linalg.norm(rays, axis=-1)
        span = wide / np.maximum(-rays[..., 1] / np.linalg.norm(rays, axis=-1), 1e-3)
        stripes = 2 * np.abs((0.5 * (points + 0.25)) % 1 - 0.5)
        edge = np.clip((stripes - 0.5) / np.maximum(span, 1e-4)[..., None] + 0.5, 0, 1)
        even = np.abs(edge[..., 0] + edge[..., 1] - 2 * edge[..., 0] * edge[..., 1])
        even = even + (0.5 - even) * np.clip((span - 0.3) / 0.9, 0, 1)
        tiles = SHADE_TILE + even[..., None] * (LIGHT_TILE - SHADE_TILE)
        dark = SHADOW_ALPHA * self._shadow(shot, vertices)[..., None]
        tiles = tiles * (1 - dark) + SHADOW * dark
        centre = self._centre_of(shot)
        far = (np.linalg.norm(points - centre, axis=-1) - 4.0) / 13.0
        fog = np.where(rays[..., 1] < -1e-6, smoothstep(far), 1.0)[..., None]
        return np.asarray(tiles + fog * (SKY - tiles))

    def _centre_of(self, shot: Shot) -> Array:
        """Where the camera's axis meets the floor's plane at AIM, x and z."""
        along = (shot.eye[1] - self.ground - AIM) / shot.back[1]
        return np.asarray((shot.eye - along * shot.back)[[0, 2]])

    def _shadow(self, shot: Shot, vertices: Array) -> Array:
        """[height, width] 0 to 1: the body laid along the light onto the floor, its edge a little soft."""
        height = np.maximum(vertices[:, 1] - self.ground, 0)
        flat = vertices - height[:, None] * (self._sun / self._sun[1])
        flat[:, 1] = self.ground
        pixels, depth = shot.project(flat)
        faces = self._mesh.faces.astype(np.intp)
        faces = faces[(depth[faces] > NEAR).all(axis=1)]
        mask = coverage(pixels[faces], shot.width, shot.height).astype(np.float64)
        return _blurred(mask, max(1, round(SHADOW_BLUR * shot.height / 720)))


def _smoothed(path: Array, width: float) -> Array:
    """A path [frames, 3] averaged with a bell of `width` frames (standard deviation), its ends held."""
    radius = max(1, round(3 * width))
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(width, 1e-6)) ** 2)
    padded = np.pad(path, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, bell / bell.sum(), mode="valid") for column in padded.T], axis=-1)


def _averaged(image: Array, factor: int) -> Array:
    """An image [height * factor, width * factor, ...] at its own size: each pixel the mean of its block."""
    if factor == 1:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return np.asarray(image.reshape(height, factor, width, factor, *image.shape[2:]).mean(axis=(1, 3)))


def _blurred(image: Array, radius: int) -> Array:
    """An image [height, width] averaged over squares of 2 * radius + 1 pixels, twice."""
    for _ in range(2):
        for axis in (0, 1):
            width = [(radius + 1, radius) if k == axis else (0, 0) for k in (0, 1)]
            total = np.cumsum(np.pad(image, width, mode="edge"), axis=axis)
            ahead = np.take(total, range(2 * radius + 1, total.shape[axis]), axis=axis)
            behind = np.take(total, range(total.shape[axis] - 2 * radius - 1), axis=axis)
            image = (ahead - behind) / (2 * radius + 1)
    return image
