"""Recordings with cameras, keypoints, video and music of their own: what training makes of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.export.options import ExportOptions
from genmo.export.parity import parity
from genmo.export.pipeline import export
from genmo.runtime import MotionModel
from genmo.runtime.conditions.condition_arrays import camera_condition, keypoint_conditions
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import FeatureSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.data import batches
from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.load_sets import load_data
from genmo.train.data.recorded_cameras import footage_of
from genmo.train.datasets.store import Recording, write_store
from genmo.train.loop.losses import losses
from genmo.train.loop.trainer import Trainer
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.config import read_config

FRAMES, VIDEO, MUSIC = 30, 6, 35
LENS = np.array([[900.0, 0, 510], [0, 900, 390], [0, 0, 1]])


def recording(random_motion, random_camera, seed=0, frames=60, **changes):
    """A clip with all that a recording can have; random keypoints, so that nothing else could have made them."""
    motion, rng = random_motion(frames, seed), np.random.default_rng(seed)
    points = np.concatenate([rng.uniform(100, 700, (frames, 17, 2)), np.ones((frames, 17, 1))], axis=-1)
    parts = {
        "name": f"clip{seed}",
        "subject": f"person{seed}",
        "captions": ("a person walks left",),
        "rotations": motion.rotations.astype(np.float32),
        "translation": motion.translation.astype(np.float32),
        "offsets": shape_space().offsets(motion.betas).astype(np.float32),
        "keypoints": points.astype(np.float32),
        "camera": random_camera(frames, seed),
        "intrinsics": LENS,
        "image_size": (1000, 800),
        "video": rng.normal(size=(frames, VIDEO)).astype(np.float32),
        "music": rng.normal(size=(frames, MUSIC)).astype(np.float32),
    }
    return Recording(**(parts | changes))


@pytest.fixture
def make(random_motion, random_camera):
    return lambda seed=0, **changes: recording(random_motion, random_camera, seed, **changes)


@pytest.fixture
def nothing_hidden(monkeypatch):
    monkeypatch.setattr(batches, "hide_keypoints", lambda seen, generator: seen)
    monkeypatch.setattr(batches, "cut_by_frame", lambda pixels, seen, share, generator: seen)


WIDTHS = {"video": VIDEO, "music": MUSIC}


def draw(clips, step=0, estimation=6, generation=0, variety=None, **options):
    options = {"features": WIDTHS, **options}
    return BatchSampler(clips, variety or AugmentationConfig(), 0, **options).draw(step, estimation, generation, FRAMES)


def started_at(batch, index, clip):
    """The frame of the clip at which a sample's window starts, by its root's path."""
    at = [
        start
        for start in range(clip.frames - FRAMES + 1)
        if np.allclose(root_path(batch, index), clip.translation[start : start + FRAMES], atol=1e-3)
    ]
    return at[0] if at else None


def root_path(batch, index):
    return batch.joints[index, :, 0].numpy()


def test_what_its_camera_saw_is_what_the_runtime_would_be_given(make, nothing_hidden):
    """The runtime's own conditions of the recorded keypoints and camera."""
    clip = make()
    batch = draw([clip])
    for index in range(6):
        start = started_at(batch, index, clip)
        assert start is not None, "the window is not as it was recorded"
        span = slice(start, start + FRAMES)
        camera = Camera(clip.camera.rotation[span], clip.camera.position[span])
        wanted = keypoint_conditions(Keypoints(clip.keypoints[span].astype(float), LENS, camera))
        for name, values in wanted.items():
            np.testing.assert_allclose(batch.keypoints_2d.conditions[name][index], values, atol=2e-4, err_msg=name)
        np.testing.assert_array_equal(batch.keypoints_2d.conditions["video"][index], clip.video[span])
        assert (
            batch.keypoints_2d.conditions["video_mask"][index].all()
            and not batch.keypoints_2d.conditions["music_mask"][index].any()
        )
        betas = shape_space().betas(clip.offsets)
        wanted = shape_space().offsets(betas)
        found = torch.linalg.norm(batch.joints[index, 0, 4] - batch.joints[index, 0, 1]).item()
        assert found == pytest.approx(np.linalg.norm(wanted[4]), abs=1e-4)  # its own thigh


def test_without_features_of_its_video_it_is_filmed_again_too(make):
    clip = make(video=None)
    share = [
        started_at(draw([clip], step, variety=AugmentationConfig(own_camera=own)), 0, clip) is not None
        for own in (0.0, 1.0)
        for step in range(4)
    ]
    assert share[4:] == [True] * 4 and sum(share[:4]) < 4


@pytest.mark.parametrize("truth", ["local", "keypoints"])
def test_what_is_not_true_in_the_world_is_never_filmed_again(make, truth):
    clip = make(video=None, truth=truth)
    batch = draw([clip], variety=AugmentationConfig(own_camera=0.0))
    assert all(started_at(batch, index, clip) is not None for index in range(6))


@pytest.mark.parametrize("changes", [{"keypoints": None}, {"camera": None, "truth": "keypoints"}])
def test_half_of_it_is_enough(make, nothing_hidden, changes):
    """A camera films the body; keypoints alone come from a camera of which nothing is known."""
    clip = make(**changes)
    batch = draw([clip])
    seen = batch.keypoints_2d.conditions
    if "keypoints" in changes:
        start = started_at(batch, 0, clip)
        camera = Camera(*(part[start : start + FRAMES] for part in (clip.camera.rotation, clip.camera.position)))
        np.testing.assert_allclose(seen["camera"][0], camera_condition(camera), atol=1e-4)
        points = camera.to_camera(batch.joints[0].double().numpy())
        head = 900 / 800 * points[:, 15, :2] / points[:, 15, 2:]
        nose = batch.keypoints_2d.pixels[0, :, 0].numpy()
        front = points[:, 15, 2] > 1
        assert np.abs(head - nose)[front].max(initial=0) < 0.3
    else:
        assert batch.only_2d.all() and not seen["camera_mask"].any() and not seen["camera"].any()
        assert seen["keypoints_mask"].all()


def test_the_image_is_taken_to_reach_to_the_farthest_point(make):
    clip = make(camera=None, intrinsics=None, image_size=None, truth="keypoints")
    footage = footage_of(clip, 0, FRAMES)
    width, height = (float(clip.keypoints[..., axis].max()) for axis in (0, 1))
    assert footage.aspect == pytest.approx(width / height)
    assert footage.focal == pytest.approx(np.hypot(width, height) / height)
    middle = np.array([width, height]) / 2
    np.testing.assert_allclose(footage.pixels, (clip.keypoints[:FRAMES, :, :2] - middle) / height, atol=1e-6)
    assert not footage.tracked and not footage.moving
    assert footage_of(replace(clip, keypoints=None), 0, FRAMES) is None
    unsized = footage_of(make(image_size=None), 0, FRAMES)
    assert (unsized.focal, unsized.aspect) == pytest.approx((900 / 780, 1020 / 780))


def test_local_clips_know_nothing_of_the_world(make):
    """3DPW: gravity and path may be anything; they are never generated from."""
    clips = [make(seed, truth="local") for seed in range(3)] + [make(9, truth="world")]
    batch = draw(clips, estimation=12, generation=12)
    assert batch.local[:12].any() and not batch.local[12:].any()
    assert not batch.keypoints_2d.conditions["camera_mask"][batch.local].any()
    normalisation = Normalisation.fit(batch.features.flatten(0, 1))
    target = normalisation.apply(batch.features)

    def terms(batch, target):
        off = target + 0.1 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
        return losses(off, target, batch, torch.ones(len(target)), normalisation.undo)

    before = terms(replace(batch, local=torch.ones(24, dtype=torch.bool)), target)
    assert before["path"] == before["joint_velocity"] == before["contact_velocity"] == 0
    assert before["body"] > 0 and before["camera_joints"] > 0 and before["reprojection"] > 0
    moved = target.clone()
    moved[..., :9] += 3  # gravity-view orientation and root velocity
    off = target + 0.1 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    every = replace(batch, local=torch.ones(24, dtype=torch.bool))
    after = losses(off, moved, every, torch.ones(24), normalisation.undo)
    assert after["features"] == pytest.approx(before["features"].item(), rel=1e-5)


def test_video_is_for_both_modes_music_for_generation_alone(make):
    clips = [make(seed) for seed in range(4)]
    heard = shown = text_only = 0
    for step in range(20):
        batch = draw(clips, step, estimation=10, generation=10)
        video, music = (batch.conditions[f"{name}_mask"].amax(dim=1) for name in ("video", "music"))
        seen = batch.conditions["bounding_box_mask"].amax(dim=1)
        assert not music[:10].any() and not batch.conditions["music"][batch.conditions["music_mask"] == 0].any()
        assert not batch.conditions["video"][batch.conditions["video_mask"] == 0].any()
        shown += int(video[:10].sum())
        heard += int(music[10:].sum())
        text_only += int(((seen == 0) & (video == 0))[10:].sum())
    assert 0.7 < shown / 200 < 0.9  # a fifth is seen without its video
    assert 0.78 < heard / 200 < 0.92  # 15 % are trained without their music
    assert 0.65 < text_only / 200 < 0.85  # three quarters are generated from text and music alone


def test_faster_music_is_never_made(make):
    clip = make(keypoints=None, camera=None, intrinsics=None, video=None)
    for step in range(5):
        batch = draw([clip], step, estimation=0, generation=8, variety=AugmentationConfig(speed=1.0))
        for index in range(8):
            music = batch.conditions["music"][index].numpy()
            if music.any():
                starts = [s for s in range(31) if np.array_equal(music, clip.music[s : s + FRAMES])]
                assert len(starts) == 1


def test_only_what_the_network_takes_is_made(make):
    batch = draw([make()], features={"music": MUSIC})
    assert "video" not in batch.conditions and "music" in batch.conditions
    assert not {"video", "music"} & set(draw([make()], features={}).conditions)


def test_local_clips_alone_can_be_estimated_only(make):
    clips = [make(seed, truth="local") for seed in range(2)]
    assert len(draw(clips, estimation=3).features) == 3
    with pytest.raises(InputError, match="knows where down is; wanted some, or generation=0"):
        draw(clips, estimation=1, generation=1)


def test_limbs_are_not_mixed_into_footage_nor_out_of_what_is_hidden(make):
    """A body of one hidden clip and free ones: no limb of it appears in a free sample."""
    turned = make(0, keypoints=None, camera=None, intrinsics=None, video=None, music=None)
    hidden = replace(turned, rotations=np.broadcast_to(-np.eye(3, dtype=np.float32), turned.rotations.shape))
    free = make(1, keypoints=None, camera=None, intrinsics=None, video=None, music=None)
    variety = AugmentationConfig(mix=1.0, perturb=0.0, tilt=0.0, mirror=0.0, speed=0.0)
    sampler = BatchSampler([hidden, free], variety, 0, subjects_2d=["person0"])
    seen = set()
    for step in range(6):
        batch = sampler.draw(step, 8, 0, FRAMES)
        joints = batch.features[..., LAYOUTS["genmo"].slices["joint_rotations"]].unflatten(-1, (24, 6))
        is_hidden = (joints[:, :, 1:] + torch.tensor([1.0, 0, 0, 0, 1, 0])).abs().amax(dim=-1) < 1e-5
        seen |= set(batch.only_2d.tolist())
        assert is_hidden[batch.only_2d].all() and not is_hidden[~batch.only_2d].any()
    assert seen == {True, False}


@pytest.fixture
def prepared(make, tmp_path):
    """A folder as genmo-prepare writes it: all kinds of truth, frames that are not good, features in some."""
    bad = np.ones(60, bool)
    bad[40:45] = False
    clips = [
        make(0),
        make(1, truth="keypoints", camera=None, intrinsics=None),
        make(2, truth="local"),
        make(3, keypoints=None, video=None),
        make(4, valid=bad),
        make(5, music=None, video=None, camera=None, keypoints=None, intrinsics=None, frames=90),
        make(6, truth="keypoints", keypoints=None, video=None),
    ]
    write_store(clips, tmp_path / "set", kind="test", licence="none")
    return tmp_path / "set"


def config_for(folder, *overrides):
    settings = ["steps=3", "estimation=6", "generation=6", f"frames=[{FRAMES}]", "threads=1", "bf16=false"]
    config = read_config("tiny", [*settings, f"model.video_width={VIDEO}", f"model.music_width={MUSIC}", *overrides])
    return replace(config, data=(str(folder),))


def test_what_is_read_and_what_is_left_out(prepared):
    train, held_out, _ = load_data(config_for(prepared, "validation_subjects=[set/person0, set/person1]"))
    assert [clip.name.removeprefix("set/") for clip in held_out] == ["clip0"]  # nobody is measured on keypoints alone
    names = [clip.name.removeprefix("set/") for clip in train]
    assert names == [
        "clip2",
        "clip3",
        "clip4[0:40]",
        "clip5",
    ]  # 15 frames behind the bad ones are too few; clip6 is empty
    good = train[2]
    assert good.frames == len(good.keypoints) == len(good.camera.position) == len(good.music) == 40


def test_it_trains_exports_and_runs_with_video_and_music(prepared, tmp_path, monkeypatch):
    """All the way: what was trained on a clip's features is asked for motion by features."""
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
    config = config_for(prepared, "steps=40", "learning_rate=3e-3", "warmup=1", "save_every=40", "validate_every=40")
    trainer = Trainer(config, tmp_path / "run")
    before = {name: embed.fuse[-1].weight.clone() for name, embed in trainer.model.denoiser.conditions.embed.items()}
    for _ in range(3):
        report = trainer.train_step()
        assert np.isfinite(report["loss"])
    for name, embed in trainer.model.denoiser.conditions.embed.items():
        assert (embed.fuse[-1].weight != before[name]).any(), f"nothing was learned of {name}"
    trainer.save()
    monkeypatch.setattr("genmo.export.pipeline.parity", lambda *args: parity(*args, lengths=(1, 40)))
    engine = export(ExportOptions(tmp_path / "run", tmp_path / "engine", "none"))
    model = MotionModel.load(engine, threads=1)
    rng = np.random.default_rng(0)
    spans = [
        FeatureSpan("video", rng.normal(size=(20, VIDEO))),
        FeatureSpan("music", rng.normal(size=(25, MUSIC)), start=20),
    ]
    motions = model.follow(Timeline(frames=45, features=tuple(spans))).motions
    other = replace(spans[1], values=-spans[1].values)
    changed = model.follow(Timeline(frames=45, features=(spans[0], other))).motions
    assert motions[0].frames == 45 and np.isfinite(motions[0].joints_world()).all()
    assert np.abs(motions[0].rotations - changed[0].rotations).max() > 1e-3


def test_features_of_another_width_are_one_line(prepared, tmp_path):
    with pytest.raises(InputError, match="model.video_width is 8, the clips' video features have 6"):
        Trainer(config_for(prepared, "model.video_width=8"), tmp_path / "run")
