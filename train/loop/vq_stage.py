"""Stage 1 of GenM3: the MEVQ-VAE learns to give four frames back from one token."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genmo.runtime.motion.layout import BODY_JOINTS, TOKEN_LAYOUT
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.motion.token_features import from_features
from genmo.train.data.token_windows import TokenWindows, even_windows
from genmo.train.datasets.clips import Clip
from genmo.train.geometry.kinematics import forward_kinematics, rest_offsets
from genmo.train.geometry.rotation import matrix_from_6d
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenModel
from genmo.train.settings.token_config import TokenTrainConfig

MOST_WINDOWS = 96
"""of people that are measured"""
PATH = slice(TOKEN_LAYOUT.slices["turn"].start, TOKEN_LAYOUT.slices["height"].stop)
"""turn, way over the ground and height: four features of many, whose errors add up along the motion"""
SOME_FRAMES = 4
"""every so many frames kinematics are computed for the loss, beginning at a random one"""


def posed_joints(features: Tensor) -> Tensor:
    """Joints [..., 24, 3] of features [..., 269] as their rotations place them, pelvis at the origin, in the heading
    frame, metres."""
    blocks = {name: features[..., block] for name, block in TOKEN_LAYOUT.slices.items()}
    lead = features.shape[:-1]
    body = matrix_from_6d(blocks["body_rotations"].unflatten(-1, (-1, 6)))
    hands = torch.eye(3, device=features.device).expand(*lead, JOINT_COUNT - BODY_JOINTS.stop, 3, 3)
    rotations = torch.cat([matrix_from_6d(blocks["tilt"])[..., None, :, :], body, hands], dim=-3)
    offsets = rest_offsets(torch.zeros(10, device=features.device))
    return forward_kinematics(rotations, torch.zeros(*lead, 3, device=features.device), offsets)[1]


def root_way(features: Tensor) -> Tensor:
    """Heading and place over the ground [..., frames, 3] after each frame of features [..., frames, 269], from 0 on, in
    quarters of a radian and of a metre."""
    blocks = {name: features[..., block] for name, block in TOKEN_LAYOUT.slices.items()}
    yaw = blocks["turn"].cumsum(dim=-2)
    before = (yaw - blocks["turn"])[..., 0]
    side, ahead = blocks["ground_velocity"].unbind(dim=-1)
    steps = [before.cos() * side + before.sin() * ahead, before.cos() * ahead - before.sin() * side]
    return 4 * torch.cat([yaw, torch.stack(steps, dim=-1).cumsum(dim=-2)], dim=-1)


class VQStage:
    """Batches, losses and scores of stage 1."""

    selects = "mm"
    """the score whose lowest is best"""

    def __init__(self, config: TokenTrainConfig, windows: TokenWindows, held_out: list[Clip]) -> None:
        self.config, self.windows = config, windows
        longest = max(config.frames)
        self.held_out = even_windows(held_out, longest, MOST_WINDOWS) if held_out else None
        self.trained = even_windows(windows.clips, longest, MOST_WINDOWS)

    def statistics(self, batches: int) -> Normalisation:
        """Of windows as they are drawn."""
        drawn = [self.windows.draw(-1 - i, self.config.batch, max(self.config.frames)) for i in range(batches)]
        return Normalisation.fit(torch.cat(drawn).flatten(0, 1), TOKEN_LAYOUT)

    def batch(self, step: int) -> Tensor:
        """Features [batch, frames, 269] of a step."""
        frames = int(np.random.default_rng((self.config.seed, step, 1)).choice(self.config.frames))
        return self.windows.draw(step, self.config.batch, frames)

    def losses(self, model: TokenModel, features: Tensor, normalisation: Normalisation) -> dict[str, Tensor]:
        """Terms of the loss, weighted, and what falls to codes goes to the codebook (section 3.1)."""
        c, target = self.config, normalisation.apply(features)
        with torch.autocast(target.device.type, torch.bfloat16, enabled=c.bf16):
            decoded, latents, ids = model.vq(target)
        decoded, latents = decoded.float(), latents.float()
        codebook, places = model.vq.codebook, TOKEN_LAYOUT.slices["places"]
        some = slice(int(torch.randint(SOME_FRAMES, ())), None, SOME_FRAMES)
        posed = posed_joints(normalisation.undo(decoded[:, some])) - posed_joints(features[:, some])
        posed = posed / normalisation.std[places.start]
        terms = {
            "reconstruction": functional.smooth_l1_loss(decoded, target),
            "places": c.places * functional.smooth_l1_loss(decoded[..., places], target[..., places]),
            "kinematics": c.kinematics * functional.smooth_l1_loss(posed, torch.zeros_like(posed)),
            "path": c.path * functional.smooth_l1_loss(decoded[..., PATH], target[..., PATH]),
            "way": c.way * functional.smooth_l1_loss(root_way(normalisation.undo(decoded)), root_way(features)),
            "commitment": c.commitment * functional.mse_loss(latents, codebook.chosen(ids)),
        }
        codebook.follow(latents.detach().flatten(0, 1), ids.flatten(0, 1))
        return terms

    @torch.no_grad()
    def scores(self, model: TokenModel, normalisation: Normalisation) -> dict[str, float]:
        """`mm` of held-out people and `train_mm` of others, root-relative over 24 joints; `root_mm` of where the path
        ends up; `used` share and `perplexity` of the codes."""
        device = normalisation.mean.device
        scores: dict[str, float] = {}
        for name, windows in (("train_", self.trained), ("", self.held_out)):
            if windows is not None:
                features = windows.to(device)
                ids = model.vq.encode(normalisation.apply(features))
                decoded = normalisation.undo(model.vq.decode(ids))
                away = (posed_joints(decoded) - posed_joints(features)).norm(dim=-1)
                scores |= {f"{name}mm": 1000 * float(away.mean()), f"{name}root_mm": _path_error(decoded, features)}
        return scores | _usage(model.vq.codebook.counts)


def _path_error(decoded: Tensor, features: Tensor) -> float:
    """Millimetres between where the roots are at the last frame, both begun alike."""
    ends = [from_features(values.cpu().numpy())[1][:, -1] for values in (decoded, features)]
    return 1000 * float(np.linalg.norm(ends[0] - ends[1], axis=-1).mean())


def _usage(counts: Tensor) -> dict[str, float]:
    """Of counts [parts, codes]: share of the codes that something falls to, and the number of codes that would be as
    varied if used evenly, the mean over the parts."""
    share = counts / counts.sum(dim=-1, keepdim=True).clamp_min(1e-9)
    entropy = -(share * share.clamp_min(1e-12).log()).sum(dim=-1)
    even = 1 / counts.shape[-1]
    return {"used": float((share > 0.02 * even).float().mean()), "perplexity": float(entropy.exp().mean())}
