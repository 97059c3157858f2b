"""The network's promises: what is masked says nothing, texts stay in their spans, any length and both orders work."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.export.onnx.graphs import example_inputs
from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.signature import frame_conditions, outputs
from genmo.train.network.denoiser import Denoiser
from genmo.train.settings.config import read_config
from tests.tolerances import FEATURES

CONFIG = replace(read_config("tiny").model, video_width=5, music_width=3, innovation=False, text_depth=1)
FRAMES = 30


@pytest.fixture(scope="module")
def denoiser():
    torch.manual_seed(0)
    return lively(Denoiser(CONFIG))


def lively(model):
    """Random weights in which every input has a say (biases and absent vectors too)."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def example(frames=FRAMES, batch=2, texts=2, config=CONFIG):
    arrays = example_inputs(config, np.random.default_rng(0), batch=batch, frames=frames, texts=texts)
    arrays["text_token_mask"][..., 0] = 1
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@torch.no_grad()
def run(model, inputs, **changes):
    return model({**inputs, **changes})["x_0"]


@pytest.mark.parametrize("order", ["paper", "public"])
@pytest.mark.parametrize("frames", [1, 2, 119, 120, 121])
def test_any_length_batch_and_number_of_texts(order, frames):
    torch.manual_seed(0)
    config = replace(CONFIG, block_order=order, depth=2)
    model = Denoiser(config).eval()
    for batch, texts in ((1, 1), (3, 4)):
        made = run(model, example(frames, batch, texts, config))
        assert made.shape == (batch, frames, 181) and made.isfinite().all()


def test_the_order_of_blocks_matters():
    models = []
    for order in ("paper", "public"):
        torch.manual_seed(0)
        models.append(lively(Denoiser(replace(CONFIG, block_order=order))))
    weights = [model.state_dict() for model in models]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.allclose(*(run(model, example()) for model in models))


def test_samples_of_a_batch_do_not_meet(denoiser):
    inputs = example(batch=3)
    together = run(denoiser, inputs)
    for index in range(3):
        alone = run(denoiser, {name: tensor[index : index + 1] for name, tensor in inputs.items()})
        torch.testing.assert_close(alone[0], together[index], atol=FEATURES, rtol=0)


@pytest.mark.parametrize("name", frame_conditions(CONFIG))
def test_what_is_masked_says_nothing(denoiser, name):
    """Exactly: another value under a mask of 0 changes no bit, not even of the frame before; under 1 it does."""
    inputs = example()
    mask = inputs[f"{name}_mask"]
    assert 0 < mask.mean() < 1
    shape = [*mask.shape, *[1] * (inputs[name].ndim - 2)]
    noise = torch.rand_like(inputs[name]) + 0.5
    hidden = inputs[name] + noise * (1 - mask.reshape(shape))
    shown = inputs[name] + noise * mask.reshape(shape)
    before = run(denoiser, inputs)
    assert torch.equal(run(denoiser, inputs, **{name: hidden}), before)
    assert not torch.allclose(run(denoiser, inputs, **{name: shown}), before)


def test_absence_itself_is_said(denoiser):
    inputs = example()
    for name in frame_conditions(CONFIG):
        mask = inputs[f"{name}_mask"]
        assert not torch.equal(run(denoiser, inputs, **{f"{name}_mask": 1 - mask}), run(denoiser, inputs))


def test_an_unseen_keypoint_says_nothing(denoiser):
    inputs = example()
    inputs["keypoints"][..., 2] = torch.randint(0, 2, inputs["keypoints"].shape[:-1])
    unseen = 1 - inputs["keypoints"][..., 2:]
    moved = inputs["keypoints"] + torch.tensor([3.0, -2.0, 0.0]) * unseen
    assert torch.equal(run(denoiser, inputs, keypoints=moved), run(denoiser, inputs))


def test_padding_tokens_do_not_matter(denoiser):
    inputs = example()
    padding = 1 - inputs["text_token_mask"][..., None]
    assert padding.any()
    other = inputs["text_tokens"] + 5 * padding
    assert torch.equal(run(denoiser, inputs, text_tokens=other), run(denoiser, inputs))
    words = inputs["text_tokens"] + 5 * (1 - padding)
    assert not torch.allclose(run(denoiser, inputs, text_tokens=words), run(denoiser, inputs))


def spans(*pairs, batch=2):
    return torch.tensor(pairs).repeat(batch, 1, 1)


def changed_frames(a, b):
    return torch.nonzero((a != b).any(dim=-1).any(dim=0)).flatten().tolist()


def test_a_text_stays_in_its_span(denoiser):
    """One layer with the text after self-attention (the paper's order): outside the span not a bit changes."""
    inputs = example() | {"text_spans": spans([3, 9], [9, 20])}
    other = inputs["text_tokens"].clone()
    other[:, 1] += 1
    after = run(denoiser, inputs, text_tokens=other)
    assert changed_frames(run(denoiser, inputs), after) == list(range(9, 20))


def test_a_frame_under_no_text_has_the_null_text(denoiser):
    inputs = example()
    some = run(denoiser, inputs, text_spans=spans([5, 12], [20, 22]))
    none = run(denoiser, inputs, text_spans=spans([0, 0], [0, 0]))
    under = [*range(5, 12), 20, 21]
    assert changed_frames(some, none) == under
    wordless = run(denoiser, inputs, text_token_mask=torch.zeros_like(inputs["text_token_mask"]))
    assert torch.equal(wordless, none), "no word and no span are the same"
    assert torch.equal(none[:, 5:6].isfinite(), torch.ones(2, 1, 181, dtype=torch.bool))


def test_the_null_text_is_learned_and_never_silence(denoiser):
    inputs = example() | {"text_spans": spans([0, 0], [0, 0])}
    before = run(denoiser, inputs)
    with torch.no_grad():
        kept = denoiser.null_text.clone()
        denoiser.null_text += 1
        after = run(denoiser, inputs)
        denoiser.null_text.copy_(kept)
    assert changed_frames(before, after) == list(range(FRAMES))


def test_the_order_of_texts_does_not_matter(denoiser):
    """Their attentions are summed."""
    inputs = example() | {"text_spans": spans([0, 20], [10, 30])}
    swapped = {name: inputs[name].flip(1) for name in ("text_tokens", "text_token_mask", "text_spans")}
    torch.testing.assert_close(run(denoiser, inputs, **swapped), run(denoiser, inputs), atol=FEATURES, rtol=0)


def test_an_unused_text_slot_does_not_matter(denoiser):
    inputs = example(texts=1)
    more = example(texts=3)
    more |= {name: tensor for name, tensor in inputs.items() if not name.startswith("text_")}
    for name in ("text_tokens", "text_token_mask", "text_spans"):
        more[name] = torch.cat([inputs[name], 0 * more[name][:, 1:]], dim=1)
    torch.testing.assert_close(run(denoiser, more), run(denoiser, inputs), atol=1e-6, rtol=0)


def test_time_and_noise_matter(denoiser):
    inputs = example()
    for changes in ({"timestep": (inputs["timestep"] + 1) % 1000}, {"x_t": inputs["x_t"] + 0.1}):
        assert not torch.allclose(run(denoiser, inputs, **changes), run(denoiser, inputs))


@pytest.mark.parametrize("frames", [1, 121, 181])
def test_blocked_attention_is_the_same_model(denoiser, frames):
    inputs = example(frames)
    dense = run(denoiser, inputs)
    denoiser.use_blocked_attention(True)
    blocked = run(denoiser, inputs)
    denoiser.use_blocked_attention(False)
    torch.testing.assert_close(blocked, dense, atol=FEATURES, rtol=0)


def test_the_gem_layout_has_its_heads():
    config = replace(CONFIG, layout="gem")
    with torch.no_grad():
        made = Denoiser(config).eval()(example(config=config))
    assert {name: tensor.shape[-1] for name, tensor in made.items()} == {
        spec.name: spec.axes[-1] for spec in outputs(config)
    }


@pytest.mark.parametrize(
    ("preset", "width", "depth", "millions"), [("base", 512, 16, (60, 90)), ("large", 1024, 16, (300, 450))]
)
def test_presets_have_the_papers_size(preset, width, depth, millions):
    config = read_config(preset).model
    with torch.device("meta"):
        model = Denoiser(config)
    assert (config.width, config.depth, config.heads, config.window) == (width, depth, 8, 120)
    assert len(model.rope_blocks) == len(model.text_blocks) == depth
    assert config.mlp_width == {"base": 1024, "large": 4096}[preset]
    count = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert millions[0] < count < millions[1]


def with_innovation(log_variance=None):
    """A lively network with an innovation; `log_variance`: the head's answer everywhere, None: its own."""
    torch.manual_seed(1)
    model = lively(Denoiser(replace(CONFIG, innovation=True)))
    if log_variance is not None:
        torch.nn.init.zeros_(model.innovation.log_variance[-1].weight)
        torch.nn.init.constant_(model.innovation.log_variance[-1].bias, log_variance)
    return model


def without(model):
    """The answer of the same network with its innovation left out."""
    plain = lively(Denoiser(CONFIG))
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("innovation.")})
    return plain


@pytest.mark.parametrize("frames", [1, 2, 12, 13, 120])
@pytest.mark.parametrize("timestep", [0, 300, 900, 998])
def test_the_innovation_is_that_of_a_filter(frames, timestep):
    """By loops over frames and channels; v a / (v a + noise left) of what was missed is believed."""
    variance = 0.3
    model = with_innovation(np.log(variance))
    inputs = example(frames, batch=1) | {"timestep": torch.tensor([timestep])}
    expected, x_t = run(without(model), inputs)[0].double().numpy(), inputs["x_t"][0].double().numpy()
    a = schedule.alphas_cumprod()[timestep]
    bell = [np.exp(-(k**2) / 32) for k in range(-12, 13)]
    weights = np.array(bell) / sum(bell)
    noise_left = (1 - a) * (weights**2).sum()
    believed = variance * a / (variance * a + noise_left)
    corrected = expected.copy()
    for frame in range(frames):
        near = np.clip(np.arange(frame - 12, frame + 13), 0, frames - 1)
        for feature in range(15, 153):  # the turns of all joints but the root
            missed = x_t[near, feature] / np.sqrt(a) - expected[near, feature]
            corrected[frame, feature] += believed * (weights * missed).sum()
    found = run(model, inputs)[0].numpy()
    np.testing.assert_allclose(found, corrected, atol=2e-4 * max(1.0, np.abs(corrected).max()))
    if timestep < 998:
        assert np.abs(found - expected).max() > 1e-3


def test_each_joint_has_a_variance_of_its_own():
    model = with_innovation(-30.0)
    model.innovation.log_variance[-1].bias.data[16] = 3.0  # joint 17 of the skeleton
    inputs = example() | {"timestep": torch.tensor([500, 500])}
    moved = (run(model, inputs) - run(without(model), inputs)).abs().amax(dim=(0, 1))
    place = 9 + 6 * 17
    assert (moved[place : place + 6] > 0.05).all() and moved[:place].max() < 1e-5 and moved[place + 6 :].max() < 1e-5


def test_estimation_has_no_innovation():
    model = with_innovation(2.0)
    inputs = example() | {"timestep": torch.tensor([999, 999])}
    inputs["x_t"] = torch.zeros_like(inputs["x_t"])
    torch.testing.assert_close(run(model, inputs), run(without(model), inputs), atol=FEATURES, rtol=0)


@torch.no_grad()
def test_words_know_their_text_and_no_other(denoiser):
    inputs = example()
    before = denoiser.texts(*(inputs[f"text_{name}"] for name in ("tokens", "token_mask", "spans")), FRAMES)[0]
    inputs["text_tokens"][0, 0, 0, 0] += 1
    after = denoiser.texts(*(inputs[f"text_{name}"] for name in ("tokens", "token_mask", "spans")), FRAMES)[0]
    shown = inputs["text_token_mask"][0, 0] > 0
    assert shown.sum() > 1
    moved = (after - before).abs().amax(dim=-1) > 0  # [batch, null and texts, tokens]
    assert moved[0, 1][shown].all(), "a word changes what the others of its text mean"
    assert not moved[0, 0].any() and not moved[0, 2:].any() and not moved[1].any()


@torch.no_grad()
def test_blocks_over_words_start_as_none():
    torch.manual_seed(0)
    model = Denoiser(CONFIG)
    inputs = example()
    texts = inputs["text_tokens"]
    assert CONFIG.text_depth and torch.equal(model._in_context(texts, inputs["text_token_mask"]), texts)


def test_given_frames_change_nothing_at_first():
    """Weights that were trained without the condition answer the same with it, whatever is given, and can learn it."""
    plain = Denoiser(CONFIG)
    taking = Denoiser(replace(CONFIG, keyframes=True))
    taking.load_state_dict(taking.state_dict() | plain.state_dict())
    inputs = example()
    frames = inputs["keypoints_mask"].shape
    inputs["keyframes"] = torch.randn(*frames, *frame_conditions(taking.config)["keyframes"])
    for mask in (torch.ones(frames), torch.zeros(frames)):
        assert torch.equal(run(taking, inputs, keyframes_mask=mask), run(plain, inputs))
    taking(inputs | {"keyframes_mask": torch.ones(frames)})["x_0"].square().mean().backward()
    assert taking.conditions.embed["keyframes"].fuse[-1].weight.grad.abs().max() > 0
