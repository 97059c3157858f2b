"""Other frame rates: closed forms, what must not change, what must not come back."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.formats import read_bvh, save_motion
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import at_rate, check_rate, resampled
from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from genmo.runtime.support.errors import InputError

RATES = (12, 24, 25, 29.97, 48, 50, 60, 120)


def test_the_own_rate_is_the_motion_itself(filmed_motion):
    assert at_rate(filmed_motion, 30) is filmed_motion
    assert at_rate(filmed_motion, None) is filmed_motion
    assert at_rate(filmed_motion, 30.0000003) is filmed_motion


@pytest.mark.parametrize("fps", RATES)
def test_steady_movement_stays_steady(fps):
    """Straight on at 2 m/s, every joint turning at its own constant speed: exact at any rate, up to both ends."""
    time = np.arange(40) / 30
    spins = np.random.default_rng(0).normal(0, 1.5, (24, 3))
    motion = Motion(matrix_from_axis_angle(time[:, None, None] * spins), time[:, None] * (2.0, 0.1, -1.0))
    other = at_rate(motion, fps)
    times = np.arange(other.frames) / fps
    assert times[-1] <= time[-1] + 1e-9 and times[-1] > time[-1] - 1 / fps
    np.testing.assert_allclose(other.translation, times[:, None] * (2.0, 0.1, -1.0), atol=1e-9)
    np.testing.assert_allclose(other.rotations, matrix_from_axis_angle(times[:, None, None] * spins), atol=1e-7)
    assert other.fps == fps


@pytest.mark.parametrize("fps", RATES)
def test_slow_waves_pass(fps):
    """A swing at 1.5 Hz and 0.3 m comes through at every rate, away from the ends within 2 %."""

    def wave(time):
        return 0.3 * np.sin(2 * np.pi * 1.5 * time)

    time = np.arange(120) / 30
    turns = np.zeros((120, 24, 3))
    turns[..., 0] = wave(time)[:, None]
    motion = Motion(matrix_from_axis_angle(turns), wave(time)[:, None] * (1.0, 1.0, 1.0))
    other = at_rate(motion, fps)
    times = np.arange(other.frames) / fps
    inner = (times > 0.6) & (times < times[-1] - 0.6)
    np.testing.assert_allclose(other.translation[inner, 0], wave(times)[inner], atol=0.006)
    angles = axis_angle_from_matrix(other.rotations)[inner, 5, 0]
    np.testing.assert_allclose(angles, wave(times)[inner], atol=0.006)


def test_what_is_too_fast_does_not_come_back_slow():
    """11 Hz at 30 frames a second, taken at 12: plain picking would show 1 Hz at full size."""
    time = np.arange(300) / 30
    fast = np.sin(2 * np.pi * 11 * time)[:, None]
    times = np.arange(0, 299, 30 / 12)
    picked = np.sin(2 * np.pi * 11 * times / 30)
    assert np.abs(picked).max() > 0.9
    assert np.abs(resampled(fast, times, 30 / 12))[12:-12].max() < 0.05


@pytest.mark.parametrize("fps", [60, 90])
def test_more_frames_pass_through_the_old_ones(motion, fps):
    other = at_rate(motion, fps)
    step = fps // 30
    np.testing.assert_allclose(other.translation[::step], motion.translation, atol=1e-12)
    np.testing.assert_allclose(other.rotations[::step], motion.rotations, atol=1e-9)


def test_everything_comes_along(filmed_motion):
    moving = replace(filmed_motion, contacts=np.random.default_rng(0).uniform(0, 1, (filmed_motion.frames, 6)))
    for fps in (24, 60):
        other = at_rate(moving, fps)
        assert len(other.contacts) == len(other.camera.rotation) == len(other.camera.position) == other.frames
        assert other.contacts.min() >= 0 and other.contacts.max() <= 1
        np.testing.assert_allclose(np.linalg.det(other.rotations), 1, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_motions(motion, frames):
    short = Motion(motion.rotations[:frames], motion.translation[:frames])
    for fps in RATES:
        other = at_rate(short, fps)
        assert other.frames == int((frames - 1) * fps / 30 + 1e-6) + 1
        assert np.isfinite(other.rotations).all()
        averaged = 1e-3 if fps < 30 else 1e-9
        np.testing.assert_allclose(other.translation[0], short.translation[0], atol=averaged)


def test_files_say_their_rate(tmp_path, motion):
    other = at_rate(motion, 25)
    save_motion(tmp_path / "walk.bvh", other)
    assert 1 / read_bvh(tmp_path / "walk.bvh").frame_time == pytest.approx(25)
    for suffix in (".npz", ".glb", ".html", ".svg"):
        save_motion(tmp_path / f"walk{suffix}", other)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1001])
def test_rates_out_of_bounds(motion, fps):
    with pytest.raises(InputError, match="--out-fps"):
        at_rate(motion, fps)
    with pytest.raises(InputError):
        check_rate(fps)
