"""What the released networks promise, without their weights; `export/test_released_weights.py`: they are those."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions, inputs, outputs
from genmo.train.network.denoiser import Denoiser
from genmo.train.network.gem import FAMILIES, SMALLEST_SCALE, GemDenoiser, GvhmrDenoiser
from tests.tolerances import FEATURES

CONFIG = ModelConfig(
    width=32,
    depth=2,
    heads=4,
    mlp_width=48,
    layout="gem",
    block_order="public",
    text_width=6,
    text_tokens=5,
    video_width=7,
    music_width=3,
)
FRAMES = 20


def lively(model):
    """Random weights in which everything has a say."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def gem():
    torch.manual_seed(0)
    return lively(GemDenoiser(CONFIG))


@pytest.fixture(scope="module")
def gvhmr():
    torch.manual_seed(0)
    return lively(GvhmrDenoiser(replace(CONFIG, music_width=0)))


def example(config=CONFIG, frames=FRAMES, batch=2, texts=2):
    """Random inputs; all conditions there, texts without padding over the whole motion."""
    random = np.random.default_rng(0)
    tensors = {}
    for spec in inputs(config):
        shape = spec.shape(batch=batch, frames=frames, texts=texts)
        values = np.ones(shape) if spec.name.endswith("_mask") else random.standard_normal(shape)
        tensors[spec.name] = torch.from_numpy(values.astype(spec.dtype))
    tensors["timestep"] = torch.from_numpy(random.integers(0, 1000, batch))
    tensors["text_spans"] = torch.tensor([0, frames]).repeat(batch, texts, 1)
    tensors["keypoints"][..., 2] = 1
    return tensors


@torch.no_grad()
def run(model, tensors, **changes):
    return model({**tensors, **changes})["x_0"]


def changed_frames(a, b):
    return torch.nonzero((a != b).any(dim=-1).any(dim=0)).flatten().tolist()


def without_betas(x):
    """Betas are averaged over the frames, so any change is in all of them."""
    part = CONFIG.motion_layout.slices["betas"]
    return torch.cat([x[..., : part.start], x[..., part.stop :]], dim=-1)


@pytest.mark.parametrize("family", ["gem", "gvhmr"])
def test_families_are_denoisers_of_the_signature(family):
    config = CONFIG if family == "gem" else replace(CONFIG, music_width=0)
    model = FAMILIES[family](config).eval()
    assert isinstance(model, Denoiser) and FAMILIES["genmo"] is Denoiser
    for frames, batch in ((1, 1), (121, 2)):
        with torch.no_grad():
            answer = model(example(config, frames, batch))
        for spec in outputs(config):
            assert answer[spec.name].shape == spec.shape(batch=batch, frames=frames), spec.name
            assert answer[spec.name].isfinite().all()


@pytest.mark.parametrize("frames", [1, 119, 120, 121, 181])
def test_blocked_attention_is_the_same_network(gem, frames):
    tensors = example(frames=frames, batch=1)
    dense = run(gem, tensors)
    gem.use_blocked_attention(True)
    blocked = run(gem, tensors)
    gem.use_blocked_attention(False)
    torch.testing.assert_close(blocked, dense, atol=FEATURES, rtol=0)


def test_every_block_has_the_released_eps(gem):
    found = {m.eps for m in [*gem.rope_blocks.modules(), *gem.text_blocks.modules()] if hasattr(m, "eps")}
    assert found == {1e-6} and gem.conditions.embed["video"][0].eps == 1e-5


def test_betas_are_one_for_a_motion_and_the_camera_stays_in_front(gem):
    with torch.no_grad():
        answer = gem(example())
    betas = answer["x_0"][..., CONFIG.motion_layout.slices["betas"]]
    assert (betas == betas[:, :1]).all() and not (betas[0] == betas[1]).any()
    scale = answer["weak_perspective"][..., 0]
    assert (scale >= SMALLEST_SCALE).all()
    with torch.no_grad():
        gem.heads["weak_perspective"].mlp[2].bias[0] -= 1000
        low = gem(example())["weak_perspective"]
        gem.heads["weak_perspective"].mlp[2].bias[0] += 1000
    assert (low[..., 0] == SMALLEST_SCALE).all() and torch.equal(low[..., 1:], answer["weak_perspective"][..., 1:])


def test_the_null_text_is_for_motions_without_texts_alone(gem):
    """Frames under no text are silent once there is a text: exactly as if its block had no attention."""
    tensors = example()
    spans = torch.tensor([[2, 6], [9, 9]]).repeat(2, 1, 1)
    memory, bias, reach = gem.texts(tensors["text_tokens"], tensors["text_token_mask"], spans, FRAMES)
    assert reach.shape == (2, 3, FRAMES) and (bias == 0).all()
    assert reach[:, 0].sum() == 0 and reach[0, 1].nonzero().flatten().tolist() == [2, 3, 4, 5]
    assert reach[:, 2].sum() == 0
    block = gem.text_blocks[0].attention
    with torch.no_grad():
        mixed = block(torch.randn(2, FRAMES, CONFIG.width), memory, bias, reach)
    silent = [frame for frame in range(FRAMES) if not 2 <= frame < 6]
    assert (mixed[:, silent].abs() < 1e-6).all() and (mixed[:, 2:6].abs() > 1e-3).any(dim=-1).all()
    none = gem.texts(tensors["text_tokens"], torch.zeros_like(tensors["text_token_mask"]), spans, FRAMES)
    assert (none[2][:, 0] == 1).all() and (none[2][:, 1:] == 0).all()
    assert torch.equal(none[0][:, 0], memory[:, 0])


def test_no_text_is_said_in_three_ways(gem):
    tensors = example()
    wordless = run(gem, tensors, text_token_mask=torch.zeros_like(tensors["text_token_mask"]))
    assert torch.equal(run(gem, tensors, text_spans=torch.zeros_like(tensors["text_spans"])), wordless)
    zeros = run(gem, tensors, text_tokens=torch.zeros_like(tensors["text_tokens"])[:, :1],
                text_token_mask=tensors["text_token_mask"][:, :1], text_spans=tensors["text_spans"][:, :1])  # fmt: skip
    torch.testing.assert_close(zeros, wordless, atol=FEATURES, rtol=0)


def test_padding_is_zero_vectors_and_counts(gem):
    """Other numbers under a mask of 0 say nothing; attention still sees that many zero tokens."""
    tensors = example(texts=1)
    mask = tensors["text_token_mask"].clone()
    mask[..., 2:] = 0
    short = run(gem, tensors, text_token_mask=mask)
    assert torch.equal(
        run(gem, tensors, text_token_mask=mask, text_tokens=tensors["text_tokens"] + (1 - mask[..., None])), short
    )
    zeroed = run(gem, tensors, text_tokens=tensors["text_tokens"] * mask[..., None])
    assert torch.equal(zeroed, short)
    assert not torch.allclose(short, run(gem, tensors))


def test_texts_over_one_another_are_summed(gem):
    """Two texts over the same frames give what one gives plus what the other gives, bias and all."""
    tensors = example()
    block, x = gem.text_blocks[0].attention, torch.randn(2, FRAMES, CONFIG.width)
    memory, bias, reach = gem.texts(*(tensors[f"text_{n}"] for n in ("tokens", "token_mask", "spans")), FRAMES)
    with torch.no_grad():
        both = block(x, memory, bias, reach)
        single = [block(x, memory[:, [k]], bias[:, [k]], reach[:, [k]]) for k in (1, 2)]
    torch.testing.assert_close(both, sum(single), atol=FEATURES, rtol=0)


@pytest.mark.parametrize("name", frame_conditions(CONFIG))
def test_what_is_absent_says_only_that(gem, name):
    """Its numbers change no bit, its absence does."""
    tensors = example()
    absent = {f"{name}_mask": torch.zeros_like(tensors[f"{name}_mask"])}
    before = run(gem, tensors, **absent)
    assert torch.equal(run(gem, tensors, **absent, **{name: tensors[name] + 1}), before)
    assert not torch.allclose(before, run(gem, tensors))
    assert not torch.allclose(run(gem, tensors, **{name: tensors[name] + 0.5}), run(gem, tensors))


def test_of_the_camera_only_its_turn_is_seen(gem):
    tensors = example()
    moved = tensors["camera"].clone()
    moved[..., 6:] += 1
    assert torch.equal(run(gem, tensors, camera=moved), run(gem, tensors))


def test_a_keypoint_counts_from_half_confidence(gem):
    tensors = example()
    keypoints = tensors["keypoints"].clone()
    keypoints[..., 2] = 0.51
    assert torch.equal(run(gem, tensors, keypoints=keypoints), run(gem, tensors))
    keypoints[..., 2] = 0.5
    unseen = run(gem, tensors, keypoints=keypoints)
    keypoints[..., :2] += 3
    assert torch.equal(run(gem, tensors, keypoints=keypoints), unseen)
    hidden = run(gem, tensors, keypoints_mask=torch.zeros_like(tensors["keypoints_mask"]))
    assert torch.equal(hidden, unseen), "no person and no keypoint seen are the same"


def test_the_window_is_there(gem):
    """One module: frame 0 sees frames 0 to 119 and no further, but for the betas."""
    one = lively(GemDenoiser(replace(CONFIG, depth=1)))
    tensors = example(frames=130, batch=1)
    other = tensors["x_t"].clone()
    other[:, 125] += 1
    before, after = (without_betas(run(one, tensors, x_t=x)) for x in (tensors["x_t"], other))
    # row i sees keys from clamp(i - 60, 0, 10) on: 125 is seen where that start is over 5
    assert changed_frames(before, after) == list(range(66, 130))


def test_gvhmr_estimates_and_nothing_else(gvhmr):
    config = gvhmr.config
    tensors = example(config)
    before = run(gvhmr, tensors)
    others = {"x_t": tensors["x_t"] + 1, "timestep": tensors["timestep"] * 0, "text_tokens": tensors["text_tokens"] + 1}
    assert torch.equal(run(gvhmr, tensors, **others), before)
    assert not torch.allclose(run(gvhmr, tensors, video=tensors["video"] + torch.randn(7)), before)


def test_gvhmr_takes_an_unknown_camera_for_one_at_rest(gvhmr):
    tensors = example(gvhmr.config)
    rest = torch.tensor([1.0, 0, 0, 0, 1, 0, *[0.0] * 6]).expand_as(tensors["camera"])
    unknown = torch.zeros_like(tensors["camera_mask"])
    torch.testing.assert_close(run(gvhmr, tensors, camera=rest), run(gvhmr, tensors, camera_mask=unknown))
    without = run(gvhmr, tensors, video_mask=unknown)
    with torch.no_grad():
        silent = gvhmr.conditions.embed["video"][1]
        kept = [parameter.clone() for parameter in silent.parameters()]
        for parameter in silent.parameters():
            parameter.zero_()
        nothing = run(gvhmr, tensors)
        for parameter, value in zip(silent.parameters(), kept, strict=True):
            parameter.copy_(value)
    assert torch.equal(without, nothing)
