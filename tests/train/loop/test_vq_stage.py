"""What stage 1 of tokens measures is where rotations put joints."""

import numpy as np
import pytest
import torch

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.motion.token_features import from_features
from genmo.train.data.token_windows import TokenWindows, even_windows
from genmo.train.loop.vq_stage import VQStage, posed_joints, root_way
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenModel
from genmo.train.settings.token_config import TOKEN_PRESETS, TokenVariety, read_token_config
from tests.train.made_motions import made

WIDTH = TOKEN_LAYOUT.width
UNIT = Normalisation(torch.zeros(WIDTH), torch.ones(WIDTH))


def test_rotations_place_joints_where_the_features_have_them():
    clip = made(frames=20, turn=120.0, pose=[("spine1", "x", 40.0), ("left_elbow", "y", -60.0)])
    features = even_windows([clip], 20, 1)
    posed = posed_joints(features)[0, :, 1:22].numpy()
    blocks = TOKEN_LAYOUT.split(features[0].numpy())
    places = blocks["places"].reshape(20, 21, 3) - blocks["height"][:, None] * [0, 1, 0]
    assert posed == pytest.approx(places, abs=1e-5)


def test_the_way_is_the_path_that_is_decoded():
    features = np.random.default_rng(0).normal(size=(10, WIDTH)) * 0.1
    path = from_features(features)[1]
    way = root_way(torch.from_numpy(features)).numpy() / 4
    assert way[:-1, 1:] == pytest.approx(path[1:, ::2], abs=1e-12)  # after each frame, not at it
    assert way[:, 0] == pytest.approx(np.cumsum(features[:, 0]), abs=1e-12)


class Perfect(torch.nn.Module):
    """A codec that gives back what it was given, moved by `error` of the features."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.codebook = torch.nn.Module()
        self.codebook.counts = torch.tensor([[3.0, 3.0, 0.0, 0.0], [3.0, 3.0, 0.0, 0.0]])

    def encode(self, features):
        return features

    def decode(self, ids):
        return ids + self.error


@pytest.fixture(scope="module")
def stage():
    config = read_token_config(TOKEN_PRESETS / "tiny.yaml")
    clips = [made(frames=64, speed=1.0)]
    return VQStage(config, TokenWindows(clips, [1.0], TokenVariety(), 0), [made(frames=64, turn=90.0)])


def test_scores_of_a_perfect_codec(stage):
    model = torch.nn.Module()
    model.vq = Perfect(torch.zeros(WIDTH))
    scores = stage.scores(model, UNIT)
    assert scores["mm"] < 0.01 and scores["train_mm"] < 0.01 and scores["root_mm"] < 0.01
    assert scores["used"] == 0.5 and scores["perplexity"] == pytest.approx(2.0)


def test_scores_of_one_that_walks_too_fast(stage):
    error = torch.zeros(WIDTH)
    error[TOKEN_LAYOUT.slices["ground_velocity"].start + 1] = 0.01
    model = torch.nn.Module()
    model.vq = Perfect(error)
    scores = stage.scores(model, UNIT)
    assert scores["mm"] < 0.01 and scores["train_root_mm"] == pytest.approx(31 * 10, rel=1e-3)


def test_terms_are_weighed_and_the_codebook_follows(stage):
    torch.manual_seed(0)
    model = TokenModel(stage.config.model).train()
    features = stage.batch(0)
    terms = stage.losses(model, features, stage.statistics(2))
    assert set(terms) == {"reconstruction", "places", "kinematics", "path", "way", "commitment"}
    assert all(np.isfinite(term.item()) and term.requires_grad for term in terms.values())
    assert model.vq.codebook.steps == 1
