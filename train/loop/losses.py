"""Training losses, one function a term and a table of weights.

Terms compare what the animator sees: joints in the camera, joints in the world, feet that stand still.  All are
means over their elements; lengths in metres, speeds in metres a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genmo.runtime.motion.skeleton import CONTACT_JOINTS
from genmo.train.data.batches import Batch
from genmo.train.geometry.conditions import NEAR, bounding_boxes
from genmo.train.geometry.kinematics import coco_keypoints, forward_kinematics, rest_offsets
from genmo.train.geometry.mesh import Mesh
from genmo.train.geometry.representation import LAYOUT, gravity_view_yaw, matrix_from_6d, roll_out, split
from genmo.train.geometry.rotation import rotate

WEIGHTS = {
    "features": 1.0,
    "body": 12.0,
    "camera_joints": 10.0,
    "vertices": 10.0,
    "reprojection": 2.0,
    "reprojection_2d": 2.0,
    "path": 0.3,
    "joint_velocity": 150.0,
    "contact_velocity": 120.0,
}


LOCAL_BLOCKS = ("joint_rotations", "betas", "root_translation_camera")
"""what a clip knows that knows neither gravity nor its path"""


# Blocks count by what they mean, not by how many numbers they take: a mean over all 181 features would let the 144 of
# the joints drown the 3 of the root's velocity.
BLOCK_WEIGHTS = {
    "gravity_view_orientation": 0.7,
    "root_velocity": 1.0,
    "joint_rotations": 1.5,
    "betas": 0.15,
    "root_translation_camera": 0.7,
    "camera_orientation": 0.4,
    "camera_translation": 0.2,
    "contacts": 0.3,
}


@dataclass(frozen=True, eq=False)
class Pose:
    """Joints of a batch of features in three frames of reference."""

    body: Tensor
    """[batch, frames, 24, 3] in the root's frame"""
    camera: Tensor
    """[batch, frames, 24, 3] in the camera's axes, from the root"""
    keypoints: Tensor
    """[batch, frames, 17, 3] COCO-17 points in the camera's axes, from the root"""
    root_camera: Tensor
    """[batch, frames, 3] root in the camera frame"""
    world: Tensor
    """[batch, frames, 24, 3] rolled out in the world of the true camera's headings"""
    vertices: Tensor | None = None
    """[batch, frames, vertices, 3] in the camera's axes, from the root, where there is a mesh"""


def pose_of(features: Tensor, yaw: Tensor, mesh: Mesh | None = None) -> Pose:
    """Kinematics of (not normalised) features [batch, frames, width], camera headings [batch, frames]."""
    blocks = split(features)
    rotations = matrix_from_6d(blocks["joint_rotations"])
    still = torch.eye(3, device=features.device).expand_as(rotations[..., :1, :, :])
    offsets = rest_offsets(blocks["betas"].mean(dim=1))[:, None]
    origin = torch.zeros_like(blocks["root_velocity"])
    turned, body = forward_kinematics(torch.cat([still, rotations[..., 1:, :, :]], dim=-3), origin, offsets)
    root, path = roll_out(matrix_from_6d(blocks["gravity_view_orientation"]), blocks["root_velocity"], yaw)
    return Pose(
        body=body,
        camera=rotate(rotations[..., :1, :, :], body),
        keypoints=rotate(rotations[..., :1, :, :], coco_keypoints(turned, body)),
        root_camera=blocks["root_translation_camera"],
        world=rotate(root[..., None, :, :], body) + path[..., None, :],
        vertices=None if mesh is None else mesh.vertices(turned, body) @ rotations[..., 0, :, :].transpose(-1, -2),
    )


def block_error(predicted: Tensor, target: Tensor, local: Tensor) -> Tensor:
    """Mean squared errors of the blocks of normalised features [batch, frames, width], weighted and summed: [batch].

    `local` [batch] samples know LOCAL_BLOCKS only.
    """
    error = (predicted - target).square()
    terms = []
    for name, weight in BLOCK_WEIGHTS.items():
        term = weight * error[..., LAYOUT.slices[name]].mean(dim=(1, 2))
        terms.append(term if name in LOCAL_BLOCKS else term * ~local)
    return torch.stack(terms).sum(dim=0)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean Euclidean distance of points [batch, ..., 3] a sample: [batch]; smooth at zero."""
    return ((a - b).square().sum(dim=-1) + 1e-6).sqrt().flatten(1).mean(dim=1)


def squared(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance a sample: [batch]."""
    return (a - b).square().sum(dim=-1).flatten(1).mean(dim=1)


def reprojection(pose: Pose, truth: Pose) -> Tensor:
    """Distance on the image plane (focal length 1) over the person's true apparent size: [batch]."""
    points = pose.camera + pose.root_camera[..., None, :]
    true_points = truth.camera + truth.root_camera[..., None, :]
    in_front = true_points[..., 2:] > NEAR
    flat = torch.where(in_front, points[..., :2] / points[..., 2:].clamp_min(NEAR), 0.0)
    flat_wanted = torch.where(in_front, true_points[..., :2] / true_points[..., 2:].clamp_min(NEAR), 0.0)
    size = 1.7 / truth.root_camera[..., 2].clamp_min(NEAR)
    error = ((flat - flat_wanted).square().sum(dim=-1) + 1e-8).sqrt() / size[..., None]
    return error.clamp_max(2).flatten(1).mean(dim=1)


def reprojection_2d(pose: Pose, batch: Batch) -> Tensor:
    """Distance on the image plane between the predicted and the annotated keypoints that are shown, in units of the
    annotation's box: [batch].  Needs no 3D truth (equation 6 of the paper; the box makes near and far people equal)."""
    points = pose.keypoints + pose.root_camera[..., None, :]
    depth = points[..., 2:].clamp_min(NEAR)
    flat = batch.cameras.focal[:, None, None, None] * points[..., :2] / depth
    boxes, has_box = bounding_boxes(batch.keypoints_2d.pixels, batch.keypoints_2d.visible)
    counted = batch.keypoints_2d.visible & has_box[..., None]
    error = ((flat - batch.keypoints_2d.pixels).square().sum(dim=-1) + 1e-8).sqrt() / boxes[..., 2:].clamp_min(0.02)
    error = torch.where(counted, error, 0.0).clamp_max(2)
    return error.flatten(1).sum(dim=1) / counted.flatten(1).sum(dim=1).clamp_min(1)


def contact_velocity(world: Tensor, contacts: Tensor) -> Tensor:
    """Squared speed of the joints that the data holds still, [batch]; contacts [batch, frames, 6]."""
    speed = world[..., CONTACT_JOINTS, :].diff(dim=1).square().sum(dim=-1)
    in_contact = contacts[:, :-1]
    return (speed * in_contact).flatten(1).sum(dim=1) / in_contact.flatten(1).sum(dim=1).clamp_min(1)


def losses(
    predicted: Tensor,
    target: Tensor,
    batch: Batch,
    signal: Tensor,
    undo: Callable[[Tensor], Tensor],
    mesh: Mesh | None = None,
) -> dict[str, Tensor]:
    """Every term, a number each.  predicted and target [batch, frames, width] are normalised; `undo` un-normalises.

    signal: [batch] share of the motion in what the network was shown (alpha-bar of its timestep; 1 for estimation).
    What is likely held still counts by it: where noise hides whether a foot stands or swings, the mean of both must be
    predicted, and a penalty on its speed would make every foot and hand timid.

    Estimation samples are held to the distance (a median-like fit), generation samples to the squared distance:
    a denoiser must predict the mean, or sampling is biased.  Samples with 2D only know nothing but `reprojection_2d`,
    local ones nothing of the world.  With a `mesh` its vertices, as the camera sees them, are compared too.
    """
    yaw = gravity_view_yaw(batch.cameras.rotation)
    pose = pose_of(undo(predicted), yaw, mesh)
    with torch.no_grad():
        truth = pose_of(batch.features, yaw, mesh)
    estimating = torch.arange(len(target), device=target.device) < batch.estimation
    has_motion = ~batch.only_2d
    in_world = has_motion & ~batch.local

    def by_mode(a: Tensor, b: Tensor, counted: Tensor = has_motion) -> Tensor:
        return (torch.where(estimating, distance(a, b), 3 * squared(a, b)) * counted).mean()

    contacts = split(batch.features)["contacts"]
    velocity = pose.world.diff(dim=1), truth.world.diff(dim=1)
    surface = {}
    if pose.vertices is not None and truth.vertices is not None:
        surface["vertices"] = by_mode(pose.vertices, truth.vertices)
    return {
        "features": (block_error(predicted, target, batch.local) * has_motion).mean(),
        "body": by_mode(pose.body, truth.body),
        "camera_joints": by_mode(pose.camera, truth.camera),
        **surface,
        "reprojection": (reprojection(pose, truth) * (estimating & has_motion)).mean(),
        "reprojection_2d": (reprojection_2d(pose, batch) * batch.only_2d).mean(),
        "path": by_mode(pose.world[..., 0, :], truth.world[..., 0, :], in_world),
        "joint_velocity": (squared(*velocity) * in_world).mean(),
        "contact_velocity": (contact_velocity(pose.world, contacts) * signal * in_world).mean(),
    }


def total(terms: dict[str, Tensor]) -> Tensor:
    """The weighted sum of WEIGHTS."""
    return torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()


__all__ = ["WEIGHTS", "Pose", "distance", "losses", "pose_of", "reprojection", "squared", "total"]
