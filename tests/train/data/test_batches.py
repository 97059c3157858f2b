"""What the network is taught: targets that the runtime would compute, honest masks, and the same batch every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.conditions.condition_arrays import camera_condition
from genmo.runtime.denoiser.schedule import alphas_cumprod
from genmo.runtime.motion import representation
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.motion.skeleton import MIRROR_JOINTS, coco_keypoints, forward_kinematics, shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.data.batches import BatchSampler, Normalisation, clip_weights, leg_length, make_batch, resampled
from genmo.train.data.step_stream import draw_timesteps, noised
from genmo.train.datasets.clips import Clip, split_clips
from genmo.train.datasets.read import read_clips
from genmo.train.settings.augmentation import AugmentationConfig

PLAIN = AugmentationConfig(mirror=0, speed=0, shape=0, mix=0, perturb=0, tilt=0, no_text=0)
FRAMES = 40


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


def draw(clips, step=0, seed=0, variety=PLAIN, estimation=3, generation=3, frames=FRAMES):
    return BatchSampler(clips, variety, seed).draw(step, estimation, generation, frames)


def equal(a, b):
    tensors = [(a.features, b.features), (a.joints, b.joints), (a.spans, b.spans)]
    tensors += [(a.conditions[name], b.conditions[name]) for name in a.conditions]
    return all(torch.equal(*pair) for pair in tensors) and a.prompts == b.prompts


def test_a_step_decides_its_batch(clips):
    """Whatever was drawn before, and whatever the global generators say."""
    variety = AugmentationConfig()
    first = draw(clips, 5, variety=variety)
    torch.manual_seed(99)
    sampler = BatchSampler(clips, variety, 0)
    sampler.draw(4, 3, 3, FRAMES)
    assert equal(sampler.draw(5, 3, 3, FRAMES), first)
    assert not equal(draw(clips, 6, variety=variety), first)
    assert not equal(draw(clips, 5, seed=1, variety=variety), first)


def test_actions_share_by_the_root_of_their_frames():
    """Four clips of one action (400 frames) are drawn twice as often as one of another (100), the long ones more."""
    lengths = {"walk": (100, 100, 150, 50), "run": (100,)}
    still = [np.zeros(3, np.float32)]
    clips = [
        Clip("a", "a", (name, name.upper()), *still, np.zeros((n, 3)), *still)
        for name, ns in lengths.items()
        for n in ns
    ]
    weights = clip_weights([*clips, Clip("untitled", "a", (), *still, np.zeros((5000, 3)), *still)])
    assert weights[:4].sum() == pytest.approx(2 * weights[4])
    assert weights[2] == pytest.approx(3 * weights[3]) and weights[4] == pytest.approx(10)
    assert weights[5] == pytest.approx(30)  # beyond 900 frames a recording counts no more


def made_batch(random_motion, count=4, estimation=2):
    motions = [random_motion(FRAMES, seed) for seed in range(count)]
    stacked = [
        torch.from_numpy(np.stack([getattr(motion, name) for motion in motions])).float()
        for name in ("rotations", "translation", "betas")
    ]
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    return motions, make_batch(*stacked, ["walk"] * count, estimation, PLAIN, random, generator)


def test_targets_are_what_the_runtime_encodes(random_motion):
    motions, batch = made_batch(random_motion)
    for index, motion in enumerate(motions):
        camera = Camera(*(t[index].double().numpy() for t in (batch.cameras.rotation, batch.cameras.position)))
        wanted = representation.encode(motion, camera)
        np.testing.assert_allclose(batch.joints[index], motion.joints_world(), atol=1e-5)
        np.testing.assert_allclose(batch.features[index], wanted, atol=1e-4)


def test_conditions_are_what_the_runtime_asks(random_motion):
    """Cameras exactly; keypoints up to their simulated jitter (centimetres on a body of metres)."""
    motions, batch = made_batch(random_motion, count=12, estimation=12)
    for index, motion in enumerate(motions):
        camera = Camera(*(t[index].double().numpy() for t in (batch.cameras.rotation, batch.cameras.position)))
        shown = batch.conditions["camera_mask"][index].numpy() > 0
        wanted = camera_condition(camera)
        np.testing.assert_allclose(batch.conditions["camera"][index].numpy()[shown], wanted[shown], atol=1e-4)
        local = camera.to_camera(coco_keypoints(*motion.kinematics()))
        box = batch.conditions["bounding_box"][index].numpy()[:, None]
        placed = 2 * (local[..., :2] / local[..., 2:] - box[..., :2]) / np.maximum(box[..., 2:], 1e-6)
        keypoints = batch.conditions["keypoints"][index].numpy()
        seen = (keypoints[..., 2] > 0) & (batch.conditions["bounding_box_mask"][index].numpy() > 0)[:, None]
        if seen.any():
            assert np.median(np.abs(keypoints[..., :2] - placed)[seen]) < 0.15


def test_estimation_comes_first_and_starts_from_zeros(clips):
    batch = draw(clips, estimation=4, generation=2)
    assert batch.estimation == 4 and len(batch.features) == 6
    generator = torch.Generator().manual_seed(0)
    timestep = draw_timesteps(6, batch.estimation, generator)
    x_t = noised(batch.features, timestep, torch.randn(batch.features.shape, generator=generator), batch.estimation)
    assert (timestep[:4] == 999).all() and not x_t[:4].any()
    assert x_t[4:].abs().min(dim=-1).values.max() > 0 and (timestep[4:] < 1000).all()
    assert batch.conditions["keypoints_mask"][:4].any(dim=1).all()


def test_noising_is_the_schedule():
    """The standard deviation around the target is sqrt(1 - level), by equation 4."""
    generator = torch.Generator().manual_seed(0)
    target = torch.full((200, 50, 20), 3.0)
    timestep = draw_timesteps(200, 0, generator)
    x_t = noised(target, timestep, torch.randn(target.shape, generator=generator), 0)
    level = torch.tensor(alphas_cumprod()[timestep.numpy()])
    np.testing.assert_allclose(x_t.mean(dim=(1, 2)), 3 * level.sqrt(), atol=0.15)
    np.testing.assert_allclose(x_t.std(dim=(1, 2)), (1 - level).sqrt(), atol=0.1)
    assert timestep.min() < 100 and timestep.max() > 900


def test_late_timesteps_are_seen_more():
    """Density ~ t^(2/3), so the share below t is (t / 1000)^(5/3)."""
    timestep = draw_timesteps(40_000, 0, torch.Generator().manual_seed(0)).numpy()
    for t in (100, 300, 500, 800):
        assert (timestep < t).mean() == pytest.approx((t / 1000) ** (5 / 3), abs=0.01)
    assert timestep.max() == 999


def test_masked_values_are_zero(clips):
    """As in the runtime: an absent condition is zero, not only masked."""
    seen = dict.fromkeys(("keypoints", "bounding_box", "camera"), False)
    for step in range(12):
        batch = draw(clips, step, variety=AugmentationConfig())
        for name in seen:
            values, mask = batch.conditions[name], batch.conditions[f"{name}_mask"]
            assert values.shape[:2] == mask.shape and set(mask.unique().tolist()) <= {0.0, 1.0}
            assert not values[mask == 0].any() and values.isfinite().all()
            seen[name] |= bool((mask == 0).any() and (mask == 1).any())
    assert all(seen.values())


def test_texts(clips):
    """Prompts in two slots; spans lie in the frames; unused slots reach nothing; both halves share a caption."""
    kinds = set()
    for step in range(30):
        batch = draw(clips, step, estimation=1, generation=3)
        for prompts, spans in zip(batch.prompts[1:], batch.spans[1:].tolist(), strict=True):
            assert len(prompts) == 2 and prompts[0]
            assert 0 <= spans[0][0] < spans[0][1] <= FRAMES
            if prompts[1]:
                assert prompts[1] == prompts[0] and spans[0][1] == spans[1][0] and spans[1][1] == FRAMES
            else:
                assert spans[1] == [0, 0]
            kinds.add("split" if prompts[1] else "all" if spans[0] == [0, FRAMES] else "part")
    assert kinds == {"split", "all", "part"}


def test_generation_without_text_is_trained_too(clips):
    batch = draw(clips, estimation=0, generation=8, variety=replace(PLAIN, no_text=1))
    assert batch.prompts == [["", ""]] * 8 and not batch.spans.any()


def test_windows_are_stretches_of_clips(clips):
    batch = draw(clips, estimation=4, generation=4)
    for joints in batch.joints.numpy():
        assert any(lies_in(joints, clip) for clip in clips)


def lies_in(joints, clip):
    """The joints' shape over time is somewhere in the clip; bodies may have another size."""
    path = joints[:, 0] - joints[0, 0]
    scale = leg_length(shape_space().offsets(shape_space().betas(clip.offsets))) / leg_length(clip.offsets)
    for start in range(clip.frames - len(path) + 1):
        stretch = clip.translation[start : start + len(path)] * scale
        if np.allclose(stretch - stretch[0], path, atol=1e-4):
            return True
    return False


def test_mirrored_windows_are_mirrored(clips):
    """Left and right change in captions and in joints alike."""
    one = [replace(clips[0], captions=("a person waves the left hand",))]
    plain, mirrored = (
        draw(one, variety=replace(PLAIN, mirror=share), estimation=0, generation=1, frames=100) for share in (0, 1)
    )
    assert "left" in plain.prompts[0][0] and "right" in mirrored.prompts[0][0]
    wanted = plain.joints[0][:, list(MIRROR_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored.joints[0], wanted, atol=2e-3, rtol=0)  # betas are fitted, to rounding


def test_short_clips_are_never_padded(clips, random_motion):
    short = replace(clips[0], rotations=clips[0].rotations[:20], translation=clips[0].translation[:20])
    assert BatchSampler([short, clips[1]], PLAIN, 0).eligible(FRAMES).tolist() == [0, 1]
    with pytest.raises(InputError, match="no clip has 40 frames"):
        draw([short])
    with pytest.raises(InputError, match="no clip to train on"):
        BatchSampler([], PLAIN, 0)


def test_resampling():
    """Twice as fast is every second frame; in between, paths are straight and turns stay rotations."""
    rng = np.random.default_rng(0)
    rotations = np.tile(matrix_from_yaw(0.05 * np.arange(30))[:, None], (1, 24, 1, 1)).astype(np.float32)
    path = np.cumsum(rng.normal(size=(30, 3)), axis=0).astype(np.float32)
    fast, fast_path = resampled(rotations, path, 2.0, 14)
    np.testing.assert_allclose(fast, rotations[:28:2], atol=1e-6)
    np.testing.assert_allclose(fast_path, path[:28:2], atol=1e-5)
    slow, slow_path = resampled(rotations, path, 0.5, 20)
    np.testing.assert_allclose(slow_path[1::2], (path[:10] + path[1:11]) / 2, atol=1e-5)
    np.testing.assert_allclose(slow, np.tile(matrix_from_yaw(0.025 * np.arange(20))[:, None], (1, 24, 1, 1)), atol=1e-5)
    beyond, beyond_path = resampled(rotations, path, 1.0, 40)
    np.testing.assert_allclose(beyond_path[30:], np.tile(path[-1], (10, 1)), atol=1e-5)
    assert np.isfinite(beyond).all()


def test_normalisation():
    """One spread a block, and the way back."""
    layout = representation.LAYOUTS["genmo"]
    generator = torch.Generator().manual_seed(0)
    scales = torch.rand(layout.width, generator=generator) * 3
    features = torch.randn(5000, layout.width, generator=generator) * scales + 2
    features[:, layout.slices["contacts"]] = 1.0  # a block that never changes
    fitted = Normalisation.fit(features)
    torch.testing.assert_close(fitted.undo(fitted.apply(features)), features, atol=1e-4, rtol=0)
    normal = fitted.apply(features)
    assert normal.mean(dim=0).abs().max() < 1e-3 and normal.isfinite().all()
    for name, part in layout.slices.items():
        assert fitted.std[part].unique().numel() == 1, name
        if name != "contacts":
            assert normal[:, part].var(dim=0).mean() == pytest.approx(1, abs=1e-3)


def test_clips_are_read_as_packed(clips, motion_set, random_motion):
    assert len(clips) == 6 and {clip.subject for clip in clips} == {"made30/01", "made30/02"}
    motion = random_motion(100, 100)
    clip = next(clip for clip in clips if clip.name == "made30/01_01")
    np.testing.assert_allclose(clip.rotations[:, :22], motion.rotations[:, :22], atol=2e-4)
    np.testing.assert_array_equal(clip.rotations[:, 22:], np.tile(np.eye(3), (100, 2, 1, 1)))
    np.testing.assert_allclose(clip.translation, motion.translation, atol=1e-5)
    assert clip.captions == ("a person walks left on trial 01_01", "walk")
    hands_still = Motion(clip.rotations, clip.translation, offsets=clip.offsets)
    np.testing.assert_allclose(
        hands_still.joints_world()[:, :22],
        forward_kinematics(motion.rotations, motion.translation, motion.rest_offsets)[1][:, :22],
        atol=1e-3,
    )


def test_validation_people_are_held_out(clips):
    train, held_out = split_clips(clips, ["made30/02"])
    assert {clip.subject for clip in train} == {"made30/01"} and {clip.subject for clip in held_out} == {"made30/02"}
    assert isinstance(train[0], Clip)
    with pytest.raises(InputError, match=r"made30/03.*are in no clip"):
        split_clips(clips, ["made30/03"])
    with pytest.raises(InputError, match="no index.json"):
        list(read_clips("nowhere"))
