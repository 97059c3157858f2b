"""The sampler on distributions whose denoiser is known in closed form; how often and on what it calls the denoiser."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.denoiser.conventions import CONVENTIONS
from genmo.runtime.denoiser.sampler import SMOOTHING, Inpainting, estimate, generate, timesteps_of, updates
from genmo.runtime.denoiser.schedule import alphas_cumprod, step_timesteps
from genmo.runtime.motion.filters import smoothed
from genmo.runtime.support.errors import InputError

SHAPE = (2, 7, 3)
STEPS = [1, 2, 5, 10, 50]


def conditions(batch=2, texts=1, words=True, **more):
    return {
        "text_tokens": np.full((batch, texts, 4, 5), 0.5, np.float32),
        "text_token_mask": np.full((batch, texts, 4), float(words), np.float32),
        "text_spans": np.tile(np.array([0, 7]), (batch, texts, 1)),
        **more,
    }


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Recorder:
    """A denoiser that answers `respond(inputs)` and remembers what it was asked."""

    def __init__(self, respond):
        self.respond, self.calls = respond, []

    def __call__(self, inputs):
        self.calls.append({name: array.copy() for name, array in inputs.items()})
        return {"x_0": np.asarray(self.respond(inputs), np.float32)}


def says_whether_text(inputs):
    """1 everywhere under a text, 0 without: guidance g must give exactly g."""
    reached = inputs["text_token_mask"].max(axis=(1, 2)) * (inputs["text_spans"][:, 0, 1] > 0)
    return np.ones_like(inputs["x_t"]) * reached[:, None, None]


def test_estimation_is_one_call_from_zeros_at_the_last_timestep():
    denoiser = Recorder(lambda inputs: inputs["x_t"] + 3)
    outputs = estimate(denoiser, conditions(), SHAPE)
    (call,) = denoiser.calls
    assert call["x_t"].shape == SHAPE and call["x_t"].dtype == np.float32 and not call["x_t"].any()
    assert call["timestep"].tolist() == [999, 999] and call["timestep"].dtype == np.int64
    assert (outputs["x_0"] == 3).all()


@pytest.mark.parametrize("steps", STEPS)
def test_a_denoiser_that_knows_the_answer_is_believed(steps):
    answer = noise(9)
    denoiser = Recorder(lambda inputs: answer)
    outputs = generate(denoiser, conditions(), noise(), steps, guidance=1)
    expected = smoothed(answer, SMOOTHING) if 1 < steps < 5 else answer
    np.testing.assert_allclose(outputs["x_0"], expected, atol=0 if steps > 4 or steps == 1 else 2e-6)
    assert [call["timestep"][0] for call in denoiser.calls] == step_timesteps(steps)
    for call in denoiser.calls:  # every x_t is the answer and the first noise, mixed by the schedule
        level = alphas_cumprod()[call["timestep"][0]]
        epsilon = (noise() - np.sqrt(alphas_cumprod()[999]) * answer) / np.sqrt(1 - alphas_cumprod()[999])
        expected = np.sqrt(level) * answer + np.sqrt(1 - level) * epsilon
        np.testing.assert_allclose(call["x_t"], expected, atol=2e-5)


def gaussian(mean, spread):
    """The exact denoiser of data that is normal with `mean` and `spread`: the posterior mean of x_0."""

    def posterior(inputs):
        level = alphas_cumprod()[inputs["timestep"]][:, None, None]
        gain = np.sqrt(level) * spread**2 / (level * spread**2 + 1 - level)
        return mean + gain * (inputs["x_t"] - np.sqrt(level) * mean)

    return posterior


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (2.0, 0.5), (-1.0, 1.8)])
def test_many_steps_turn_noise_into_the_data(mean, spread):
    """The flow of a Gaussian is linear: x_t stays as many spreads from its mean as the noise was."""
    start = noise(3, (2, 400, 3))
    sample = generate(Recorder(gaussian(mean, spread)), conditions(), start, 500, guidance=1)["x_0"]
    np.testing.assert_allclose(sample, mean + spread * start, atol=0.02 * (1 + abs(mean)))
    assert sample.std() == pytest.approx(spread, rel=0.05)


def test_more_steps_come_nearer():
    start, error = noise(4, (1, 200, 3)), []
    for steps in (1, 5, 10, 50):
        sample = generate(Recorder(gaussian(1.0, 0.5)), conditions(1), start, steps, guidance=1)["x_0"]
        error.append(np.abs(sample - (1 + 0.5 * start)).max())
    assert error == sorted(error, reverse=True) and error[-1] < 0.1


@given(st.integers(0, 998), st.integers(1, 999), st.integers(0, 2**32 - 1))
def test_the_first_update_keeps_the_noise_it_finds(low, high, seed):
    """DDIM, eta 0."""
    low, high = min(low, high - 1), high
    level, next_level = (float(alphas_cumprod()[t]) for t in (high, low))
    rng = np.random.default_rng(seed)
    x_0, epsilon = rng.normal(size=(2, 4, 3))
    x_t = np.sqrt(level) * x_0 + np.sqrt(1 - level) * epsilon
    update, last = updates([high, low])
    expected = np.sqrt(next_level) * x_0 + np.sqrt(1 - next_level) * epsilon
    np.testing.assert_allclose(update(x_t, x_0, 5 * x_0), expected, atol=1e-5)
    assert update.before == 0 and last == ((0, 1.5, -0.5) if low else (0, 1, 0))


@given(st.lists(st.integers(0, 999), min_size=3, max_size=12, unique=True), st.floats(-3, 3), st.floats(-3, 3))
def test_later_updates_solve_the_flow_for_predictions_on_a_line(timesteps, at_zero, slope):
    """d(x / sigma) = e^l x_0(l) dl with l the log of the signal-to-noise ratio; for x_0(l) = a + b l the second order
    is the midpoint of the interval, held over it, if that is no farther than three quarters of the last step."""
    timesteps = sorted(timesteps, reverse=True)
    level = alphas_cumprod()[timesteps]
    ratio, sigma = 0.5 * np.log(level / (1 - level)), np.sqrt(1 - level)
    x_t = 0.7
    for index, update in enumerate(updates(timesteps)[:-1]):
        x_0, before = (at_zero + slope * ratio[i] for i in (index, max(index - 1, 0)))
        ahead = min((ratio[index + 1] - ratio[index]) / 2, 0.75 * (ratio[index] - ratio[index - 1])) if index else 0
        middle = x_0 + slope * ahead
        change = middle * (np.exp(ratio[index + 1]) - np.exp(ratio[index]))
        expected = sigma[index + 1] * (x_t / sigma[index] + change)
        x_t = update.keep * x_t + update.now * x_0 + update.before * before
        assert x_t == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_a_sample_that_ends_in_noise_goes_half_as_far_again(steps):
    """Two predictions a and b make the sample b + (b - a) / 2, whatever x_t was (frames alike are not smoothed)."""
    answers = [np.full((1, 60, 3), value, np.float32) for value in (7.0, 5.0, 1.0, 3.0)[4 - steps :]]
    waiting = iter(answers)
    sample = generate(Recorder(lambda inputs: next(waiting)), conditions(1), noise(4, (1, 60, 3)), steps, guidance=1)
    np.testing.assert_allclose(sample["x_0"], 4.0, atol=1e-5)


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_few_steps_of_a_gaussian_keep_more_of_its_spread(steps):
    """Against DDIM that ends with the prediction at the same timestep, by its own formula."""
    start, timesteps, denoiser = noise(4, (1, 400, 3)), step_timesteps(steps), gaussian(1.0, 0.8)
    sample = generate(Recorder(denoiser), conditions(1), start, steps, guidance=1)["x_0"]
    x_t = start
    for here, following in zip(timesteps, [*timesteps[1:], 0], strict=True):
        x_0 = denoiser({"x_t": x_t, "timestep": np.array([here])})
        level, lower = alphas_cumprod()[[here, following]]
        x_t = np.sqrt(lower) * x_0 + np.sqrt((1 - lower) / (1 - level)) * (x_t - np.sqrt(level) * x_0)
    assert smoothed(x_0, SMOOTHING).std() < sample.std() < smoothed(0.8 * start, SMOOTHING).std()


def test_second_order_comes_nearer_than_first():
    """Ten steps on a Gaussian, whose samples are known, against DDIM by its own formula."""
    start, timesteps = noise(4, (1, 200, 3)), step_timesteps(10)
    denoiser = gaussian(1.0, 0.5)
    sample = generate(Recorder(denoiser), conditions(1), start, 10, guidance=1)["x_0"]
    x_t = start
    for here, following in zip(timesteps, [*timesteps[1:], None], strict=True):
        x_0 = denoiser({"x_t": x_t, "timestep": np.array([here])})
        if following is not None:
            level, lower = alphas_cumprod()[[here, following]]
            x_t = np.sqrt(lower) * x_0 + np.sqrt((1 - lower) / (1 - level)) * (x_t - np.sqrt(level) * x_0)
    truth = 1 + 0.5 * start
    assert np.abs(sample - truth).mean() < 0.5 * np.abs(x_0 - truth).mean()


@given(st.integers(1, 40), st.floats(0.3, 3))
def test_smoothing_is_scipys_gaussian(frames, spread):
    ndimage = pytest.importorskip("scipy.ndimage")
    features = noise(1, (2, frames, 3))
    expected = ndimage.gaussian_filter1d(features, spread, axis=1, mode="nearest", radius=int(np.ceil(4 * spread)))
    np.testing.assert_allclose(smoothed(features, spread), expected, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_only_what_ends_in_noise_is_smoothed(steps):
    start = noise(4, (1, 400, 3))
    sample = generate(Recorder(lambda inputs: inputs["x_t"]), conditions(1), start, steps, guidance=1)["x_0"]
    shaken = np.abs(np.diff(sample, axis=1)).mean() / np.abs(sample).mean()
    assert (shaken < 0.8) == (2 <= steps <= 4)


@pytest.mark.parametrize("guidance", [0.0, 0.5, 2.5, -1.0])
def test_guidance_goes_past_the_text_by_its_weight(guidance):
    denoiser = Recorder(says_whether_text)
    outputs = generate(denoiser, conditions(), noise(), 5, guidance)
    np.testing.assert_allclose(outputs["x_0"], guidance, atol=1e-6)
    assert len(denoiser.calls) == 5
    for call in denoiser.calls:
        assert {len(array) for array in call.values()} == {4}, "one batch of two"
        np.testing.assert_array_equal(call["x_t"][:2], call["x_t"][2:])
        assert call["text_token_mask"][:2].all() and not call["text_token_mask"][2:].any()
        assert not call["text_spans"][2:].any()


@pytest.mark.parametrize(
    ("given_conditions", "guidance"),
    [
        (conditions(), 1.0),
        (conditions(words=False), 2.5),
        (conditions() | {"text_spans": np.zeros((2, 1, 2), int)}, 2.5),
        (conditions(words=False, music=np.ones((2, 7, 3)), music_mask=np.zeros((2, 7))), 2.5),
    ],
    ids=["guidance 1", "no text", "empty span", "masked music"],
)
def test_guidance_that_changes_nothing_is_skipped(given_conditions, guidance):
    denoiser = Recorder(lambda inputs: 0 * inputs["x_t"])
    generate(denoiser, given_conditions, noise(), 3, guidance)
    assert [len(call["x_t"]) for call in denoiser.calls] == [2, 2, 2]


def test_music_is_guided_and_other_conditions_are_kept():
    music = {"music": np.ones((2, 7, 3), np.float32), "music_mask": np.ones((2, 7), np.float32)}
    video = {"keypoints": np.full((2, 7, 17, 3), 0.3, np.float32), "keypoints_mask": np.ones((2, 7), np.float32)}
    denoiser = Recorder(lambda inputs: inputs["music_mask"][..., None] * np.ones(3))
    outputs = generate(denoiser, conditions(words=False, **music, **video), noise(), 2, 3.0)
    np.testing.assert_allclose(outputs["x_0"], 3, rtol=1e-6)
    for call in denoiser.calls:
        assert not call["music"][2:].any() and not call["music_mask"][2:].any()
        for name, array in video.items():
            np.testing.assert_array_equal(call[name], np.concatenate([array, array]))


def test_released_weights_keep_the_spans_of_texts_that_guidance_leaves_out():
    """Their frames outside every text get no text attention, in both halves; inside, the tokens are the null text's."""
    denoiser = Recorder(says_whether_text)
    generate(denoiser, conditions(), noise(), 5, 2.5, conventions=CONVENTIONS["gem"])
    for call in denoiser.calls:
        for name in ("text_spans", "text_token_mask"):
            np.testing.assert_array_equal(call[name][:2], call[name][2:])
        assert not call["text_tokens"][2:].any()


def test_released_weights_are_sampled_by_plain_ddim():
    """Evenly spaced steps from 999 to 0; each keeps the noise that it finds, and looks at one prediction only."""
    conventions = CONVENTIONS["gem"]
    timesteps = timesteps_of(conventions.steps, conventions)
    assert timesteps[0] == 999 and timesteps[-1] == 0 and len(timesteps) == 50
    assert set(-np.diff(timesteps)) == {20, 21}, "as evenly as whole numbers are"
    *inner, last = updates(timesteps, conventions)
    assert last == (0, 1, 0) and all(update.before == 0 for update in inner)
    denoiser = Recorder(gaussian(1.0, 0.5))
    sample = generate(denoiser, conditions(), noise(), 50, 1.0, conventions=conventions)["x_0"]
    assert [call["timestep"][0] for call in denoiser.calls] == timesteps
    x_t, level = noise().astype(np.float64), alphas_cumprod()[timesteps]
    for step, now in enumerate(level[:-1]):
        x_0 = gaussian(1.0, 0.5)({"x_t": x_t, "timestep": np.full(len(x_t), timesteps[step])})
        epsilon = (x_t - np.sqrt(now) * x_0) / np.sqrt(1 - now)
        x_t = np.sqrt(level[step + 1]) * x_0 + np.sqrt(1 - level[step + 1]) * epsilon
    expected = gaussian(1.0, 0.5)({"x_t": x_t, "timestep": np.zeros(len(x_t), int)})
    np.testing.assert_allclose(sample, expected, atol=1e-4)


def test_every_output_is_guided():
    def both(inputs):
        x_0 = says_whether_text(inputs)
        return {"x_0": x_0, "contact_logits": 2 * x_0[..., :2]}

    outputs = generate(both, conditions(), noise(), 2, 2.0)
    np.testing.assert_allclose(outputs["contact_logits"], 4)


def test_nothing_given_is_changed():
    given_conditions, start = conditions(), noise()
    copies = {name: array.copy() for name, array in given_conditions.items()}
    generate(Recorder(says_whether_text), given_conditions, start, 3, 2.0)
    np.testing.assert_array_equal(start, noise())
    assert all((given_conditions[name] == array).all() for name, array in copies.items())


def test_progress_is_told():
    done = []
    generate(Recorder(lambda inputs: inputs["x_t"]), conditions(), noise(), 4, 1.0, done.append)
    assert done == [1, 2, 3, 4]


def test_bad_steps_are_refused_before_any_work():
    denoiser = Recorder(lambda inputs: inputs["x_t"])
    with pytest.raises(InputError, match="wanted 1 to 1000"):
        generate(denoiser, conditions(), noise(), 0, 1.0)
    assert not denoiser.calls


@pytest.mark.parametrize("steps", STEPS)
def test_known_features_enter_every_step_with_the_noise_of_its_level(steps):
    """x_t there is sqrt(a) k + sqrt(1 - a) e, with e the first noise; elsewhere it is what DDIM makes of x_0."""
    values, mask = noise(5, SHAPE[1:]), noise(6, SHAPE[1:]) > 0
    corrected = []

    def correct(x_0):
        corrected.append(x_0)
        return np.where(mask, values, np.full_like(x_0, 3))

    denoiser = Recorder(lambda inputs: 0 * inputs["x_t"] + 2)
    outputs = generate(denoiser, conditions(), noise(), steps, 1.0, inpainting=Inpainting(values, mask, correct))
    assert len(corrected) == steps + (1 < steps < 5)  # once more behind the smoothing
    np.testing.assert_allclose(outputs["x_0"], np.broadcast_to(np.where(mask, values, 3), SHAPE), rtol=1e-6)
    for call in denoiser.calls:
        level = alphas_cumprod()[call["timestep"][0]]
        mixed = np.sqrt(level) * values + np.sqrt(1 - level) * noise()
        np.testing.assert_allclose(call["x_t"][:, mask], mixed[:, mask], atol=1e-5)
    free = generate(Recorder(lambda inputs: 0 * inputs["x_t"] + 3), conditions(), noise(), steps, 1.0)
    np.testing.assert_allclose(free["x_0"][:, ~mask], outputs["x_0"][:, ~mask], rtol=1e-6)


def test_known_features_are_the_same_for_text_and_no_text():
    inpainting = Inpainting(noise(5, SHAPE[1:]), np.ones(SHAPE[1:], bool), lambda x_0: x_0)
    denoiser = Recorder(says_whether_text)
    generate(denoiser, conditions(), noise(), 3, 2.0, inpainting=inpainting)
    for call in denoiser.calls:
        np.testing.assert_array_equal(call["x_t"][:2], call["x_t"][2:])


def test_given_frames_are_a_condition_where_the_network_takes_it():
    """Of every motion, with and without text; a network without it is told nothing of it."""
    frames, features = SHAPE[1:]
    known = {"keyframes": noise(5, (frames, 4)), "keyframes_mask": noise(6, (frames,))}
    inpainting = Inpainting(noise(7, (frames, features)), np.ones((frames, features), bool), lambda x_0: x_0, known)
    denoiser = Recorder(says_whether_text)
    absent = {name: np.zeros((SHAPE[0], *array.shape), np.float32) for name, array in known.items()}
    generate(denoiser, conditions() | absent, noise(), 2, 2.0, inpainting=inpainting)
    for call in denoiser.calls:
        for name, array in known.items():
            np.testing.assert_array_equal(call[name], np.broadcast_to(array, (2 * SHAPE[0], *array.shape)))
    without = Recorder(says_whether_text)
    generate(without, conditions(), noise(), 2, 2.0, inpainting=inpainting)
    assert all("keyframes" not in call for call in without.calls)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_what_the_steps_share_is_prepared_once(guidance):
    """A denoiser that can prepare is asked to, once, for all motions with and without text, and answers the same."""

    class Prepared(Recorder):
        prepared = 0

        def prepare(self, given):
            self.prepared += 1
            return lambda x_t, timestep: self({"x_t": x_t, "timestep": np.full(len(x_t), timestep), **given})

    once, plain = Prepared(says_whether_text), Recorder(says_whether_text)
    sample = [generate(denoiser, conditions(), noise(), 5, guidance)["x_0"] for denoiser in (once, plain)]
    np.testing.assert_array_equal(*sample)
    assert once.prepared == 1 and len(once.calls) == len(plain.calls) == 5
