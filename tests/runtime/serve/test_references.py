"""Clips and videos as prompts: another performance of what they show, on the rig of the request."""

import base64
import threading

import av
import numpy as np
import pytest
from motionmcp import GenerateRequest, ProtocolError

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw
from genmo.runtime.motion.skeleton import coco_keypoints
from genmo.runtime.serve.app import application
from genmo.runtime.serve.maker import Maker
from genmo.runtime.serve.references import facing_at_end, reference_span
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.serve.videos import Watcher, people_finder
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.poses import Poses

SIZE = 320, 240
FOCAL = 400.0


@pytest.fixture(scope="module")
def jump(shipped):
    timeline = Timeline(60, (Text("a person jumps up and down"),), steps=4, seed=1)
    return shipped.follow(timeline).motions[0]


def clip_of(result, names, **more):
    return {
        "type": "motion_reference",
        "joint_names": list(names),
        "rotations": result.rotations[0].round(4).tolist(),
        "root_positions": result.root_translations[0].round(4).tolist(),
        "fps": 30,
        **more,
    }


def answer(maker, request):
    return maker.answer(GenerateRequest.model_validate(request), threading.Event())


def test_a_span_is_as_long_as_its_segment_and_goes_on_where_it_ended(random_motion):
    clip = random_motion(50, 1)
    long = reference_span(clip, 10, 30, 7, 0.5, 1.0)
    assert long.frames == 30 and long.end == 40 and not long.free
    assert heading(long.motion.rotations[0, 0, :, 2]) == pytest.approx(1.0)
    assert reference_span(clip, 10, 30, 8, 0.5, 1.0).motion.rotations[0, 5] != pytest.approx(
        long.motion.rotations[0, 5]
    )
    short = reference_span(clip, 0, 120, 7, 0.5, 0.0)
    assert short.frames == 120 and short.free == (50, 100)
    steps = np.linalg.norm(np.diff(short.motion.translation, axis=0)[:, [0, 2]], axis=-1)
    assert steps.max() < 2 * np.linalg.norm(np.diff(clip.translation, axis=0), axis=-1).max()
    facing = heading(short.motion.rotations[:, 0, :, 2])
    assert facing[50] == pytest.approx(facing[49], abs=1e-6)
    assert facing_at_end(short) == pytest.approx(facing[-1])


def test_a_clip_is_performed_again_from_any_rig_on_any_rig(shipped, body, make_rig):
    maker = Maker(shipped, tries=1)  # which of several is kept is the reader's to say
    jumps = answer(maker, body("mixamo", "a person jumps up and down", frames=60))
    names = [joint["name"] for joint in make_rig("mixamo")["joints"]]
    own = make_rig("mixamo")

    def like(strength, seed):
        segment = clip_of(jumps, names, duration_frames=60, skeleton=own)
        options = {"seed": seed, "model_options": {"reference_strength": strength}}
        return answer(maker, body("vrm", segments=[segment], options=options)).root_translations[0, :, 1]

    height = np.ptp(jumps.root_translations[0, :, 1])
    first, second, close = like(0.4, 1), like(0.4, 2), like(0.9, 1)
    assert all(np.ptp(one) > 0.5 * height for one in (first, second, close)) and height > 0.2
    assert np.abs(first - second).max() > 0.005
    original = jumps.root_translations[0, :, 1]
    assert np.abs(close - original).mean() < np.abs(first - original).mean() + 0.01


def test_clips_mix_with_texts_and_are_refused_when_they_are_none(shipped, body, make_rig):
    maker = Maker(shipped)
    names = [joint["name"] for joint in make_rig("mixamo")["joints"]]
    walk = answer(maker, body("mixamo", frames=30))
    segments = [
        {"type": "text", "prompt": "a person stands still", "duration_frames": 20},
        clip_of(walk, names, duration_frames=25),
    ]
    assert answer(maker, body("mixamo", segments=segments)).rotations.shape[1] == 45
    for change, code in (
        ({"fps": 0.01}, "invalid_options"),
        ({"root_positions": [[1e9, 0, 0]] * 30}, "schema_validation"),
    ):
        with pytest.raises(ProtocolError) as caught:
            answer(maker, body("mixamo", segments=[clip_of(walk, names, duration_frames=25, **change)]))
        assert caught.value.code == code


class Scripted:
    """Finds the person of a motion in the frames of a video, whose brightness is the number of the frame."""

    def __init__(self, motion: Motion):
        turned = motion.moved(matrix_from_yaw(np.asarray(np.pi)), np.zeros(3))
        points = coco_keypoints(*turned.kinematics())  # [frames, 17, 3]
        points = (points - turned.translation[:1, None] + (0, 0, 0)) * (1, -1, -1) + (0, 0, 4.0)
        pixels = FOCAL * points[..., :2] / points[..., 2:] + np.asarray(SIZE) / 2
        feet = np.zeros((len(points), 4, 3))
        self.points = np.concatenate([np.concatenate([pixels, np.ones((*pixels.shape[:2], 1))], axis=-1), feet], axis=1)

    def people(self, image):
        number = min(int(round(float(image.mean()) / 3)), len(self.points) - 1)
        points = self.points[number : number + 1]
        seen = points[0, :17, :2]
        corners = np.concatenate([seen.min(axis=0), seen.max(axis=0)])[None]
        return Poses(points, corners, np.ones(1))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A video of 60 frames, each of one grey."""
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", 2_000_000
        for number in range(60):
            image = np.full((SIZE[1], SIZE[0], 3), 3 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def segment_of(content, **more):
    data = base64.b64encode(content).decode()
    return {
        "type": "video_reference",
        "duration_frames": 50,
        "video": {"data": data, "media_type": "video/mp4"},
        **more,
    }


def test_a_video_is_performed_on_the_rig(shipped, body, jump, video):
    settings = ServeSettings()
    maker = Maker(shipped, Watcher(shipped, settings, lambda: Scripted(jump)))
    result = answer(maker, body("mixamo", segments=[segment_of(video)]))
    assert result.rotations.shape[1] == 50
    height = np.ptp(jump.translation[:, 1])
    assert 0.4 * height < np.ptp(result.root_translations[0, :, 1]) < 2 * height


@pytest.mark.parametrize(
    ("change", "limits", "said"),
    [
        ({"start_s": 5.0}, {}, "nothing of it lies after 5 s"),
        ({}, {"max_video_seconds": 1.0}, "goes on for more than 1 s"),
        ({"video": {"data": "bm8gdmlkZW8=", "media_type": "video/webm"}}, {}, r"segments\[0\].video"),
        ({"video": {"url": "https://example.org/v.mp4"}}, {}, "fetches no videos"),
        ({"video": {"url": "https://127.0.0.1/v.mp4"}}, {"video_urls": True}, "won't fetch"),
        ({"video": {"url": "https://localhost:9/v.mp4"}}, {"video_urls": True}, "won't fetch"),
        ({"video": {"url": "https://[::ffff:10.0.0.1]/v.mp4"}}, {"video_urls": True}, "won't fetch"),
    ],
)  # fmt: skip
def test_videos_that_cannot_be_had_are_refused(shipped, body, jump, video, change, limits, said):
    maker = Maker(shipped, Watcher(shipped, ServeSettings(**limits), lambda: Scripted(jump)))
    with pytest.raises(ProtocolError, match=said):
        answer(maker, body("mixamo", segments=[segment_of(video, **change)]))


def test_what_a_server_says_of_videos(shipped, jump, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert people_finder(ServeSettings(), "cpu", 1) is None
    with pytest.raises(InputError, match="genmo-get-pose"):
        people_finder(ServeSettings(pose="full"), "cpu", 1)
    with pytest.raises(InputError, match="nowhere.onnx"):
        people_finder(ServeSettings(pose=str(tmp_path / "nowhere.onnx")), "cpu", 1)
    assert application(shipped, ServeSettings(), lambda: Scripted(jump)) is not None
    assert ServeSettings().with_videos().max_body > ServeSettings().max_video * 4 / 3
