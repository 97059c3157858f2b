"""The page needs nothing from outside and carries the motion."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from genmo.runtime.conditions.provenance import NO_SOURCES, MotionSources, View
from genmo.runtime.conditions.spans import Text
from genmo.runtime.formats import to_html
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.motion.skeleton import JOINTS, PARENTS, forward_kinematics
from genmo.runtime.render.html import compare_html


class Page(HTMLParser):
    """Title, scripts by type, and every attribute that could load something."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.scripts, self.title, self.inside = [], {}, "", None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loads += [values[name] for name in ("src", "href", "srcset", "data", "action") if name in values]
        self.inside = (tag, values.get("type")) if tag in ("script", "title") else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside and self.inside[0] == "script":
            self.scripts[self.inside[1]] = self.scripts.get(self.inside[1], "") + text
        elif self.inside:
            self.title += text

    @property
    def data(self):
        return json.loads(self.scripts["application/json"])


def page(motion, **words):
    return Page(to_html(motion, **words).decode())


def unpack(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_nothing_is_loaded(motion):
    text = to_html(motion, title="Walk").decode()
    assert Page(text).loads == []
    script = Page(text).scripts[None]
    for word in ("http:", "https:", "//cdn", "import(", "fetch(", "XMLHttpRequest", "WebSocket", "@import", "url("):
        assert word not in text.replace(Page(text).scripts["application/json"], ""), word
    assert not re.search(r"^\s*import\s", script, re.MULTILINE)
    assert "@DATA@" not in text
    assert "@TITLE@" not in text


def test_data_is_the_motion(any_motion):
    whole, frames = page(any_motion).data, any_motion.frames
    assert tuple(whole["parents"]) == PARENTS
    assert tuple(whole["joints"]) == JOINTS
    (data,) = whole["people"]
    assert data["frames"] == frames
    assert data["fps"] == 30
    assert data["camera"] is None
    quaternions = unpack(data["quaternions"], "<i2").reshape(frames, 24, 4) / 32767
    translation = unpack(data["translation"], "<f4").reshape(frames, 3)
    rotations = matrix_from_quaternion(quaternions)
    joints = forward_kinematics(rotations, translation.astype(float), np.asarray(data["offsets"]))[1]
    assert np.abs(joints - any_motion.joints_world()).max() < 3e-4
    assert unpack(data["contacts"], "u1").shape == (6 * frames,)


def test_mesh_is_whole(motion):
    mesh = page(motion).data["people"][0]["mesh"]
    vertices = unpack(mesh["vertices"], "<i2").reshape(-1, 3) * mesh["scale"]
    assert 0.7 < np.abs(vertices).max() < 1.3
    assert unpack(mesh["faces"], "<u2").max() == len(vertices) - 1
    assert len(unpack(mesh["normals"], "i1")) == 3 * len(vertices)
    assert len(unpack(mesh["joints"], "u1")) == 4 * len(vertices)
    weights = unpack(mesh["weights"], "u1").reshape(-1, 4).sum(axis=1, dtype=int)
    assert np.abs(weights - 255).max() <= 2


@pytest.mark.parametrize("words", ["plain", "</script><script>alert(1)</script>", 'a "quoted" & <b>bold</b> ünï'])
def test_title_and_prompt_are_shown_and_harmless(motion, words):
    payload = page(motion, title=words, prompt=words)
    assert payload.data["title"] == words
    assert payload.data["prompt"] == words
    assert payload.title == words
    assert set(payload.scripts) == {None, "application/json"}


def test_what_was_given_is_there(filmed_motion):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 900, (12, 17, 3))
    given = MotionSources(
        texts=(Text("walk </script>", 0, 20), Text("turn", 10, 40)),
        views=(View(5, points, np.array([[1000.0, 0, 640], [0, 1100, 360], [0, 0, 1]])),),
        features=(("music", 3, 33),),
        beats=np.array([4, 19]),
        keyframes=np.array([7]),
        place_frames=np.array([9]),
        place_joints=np.array([22]),
        place_positions=np.array([[1.0, np.nan, -2.0]]),
    )
    (payload,) = page(filmed_motion, sources=given).data["people"]
    sources = payload["given"]
    assert sources["texts"] == [["walk </script>", 0, 20], ["turn", 10, 40]]
    assert sources["spans"] == [["music", 3, 33]]
    assert (sources["beats"], sources["keyframes"], sources["places"]) == ([4, 19], [7], [[9, 22, 1.0, None, -2.0]])
    (view,) = sources["views"]
    assert (view["start"], view["end"], view["lens"]) == (5, 17, [1000, 1100, 640, 360])
    np.testing.assert_allclose(unpack(view["points"], "<f4").reshape(12, 17, 3), points, rtol=1e-6)
    rotations = matrix_from_quaternion(unpack(payload["camera"]["quaternions"], "<i2").reshape(-1, 4) / 32767)
    np.testing.assert_allclose(rotations, filmed_motion.camera.rotation, atol=2e-4)
    positions = unpack(payload["camera"]["positions"], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(positions, filmed_motion.camera.position, atol=1e-5)


def test_the_view_of_an_estimate_without_a_camera_is_where_it_was_seen_from(filmed_motion):
    camera = filmed_motion.camera
    viewpoint = replace(filmed_motion, camera=None, root_camera=filmed_motion.root_seen_by(camera)).viewpoint()
    np.testing.assert_allclose(viewpoint.rotation, camera.rotation, atol=1e-9)
    np.testing.assert_allclose(viewpoint.position, camera.position, atol=1e-9)
    assert replace(filmed_motion, camera=None).viewpoint() is None


def test_two_motions_are_two_people(motion, filmed_motion):
    text = compare_html([("a.npz", motion, NO_SOURCES), ("b <i>.npz", filmed_motion, NO_SOURCES)], "two").decode()
    data = Page(text).data
    assert [person["name"] for person in data["people"]] == ["a.npz", "b <i>.npz"]
    assert set(Page(text).scripts) == {None, "application/json"}


def test_every_key_is_told_and_means_one_thing(motion):
    script = page(motion).scripts[None]
    table = script.split("const KEYS = [")[1].split("\n];")[0]
    rows = re.findall(r'^  \["([^"]+)", \[([^\]]+|"\["|"\]")\], "([^"]+)"', table, re.MULTILINE)
    assert len(rows) == table.strip().count("\n") + 1 - 1  # every line but the comment after the bracket
    keys = [key for _, names, _ in rows for key in re.findall(r'"([^"]+)"', names)]
    assert len(keys) == len(set(keys))
    assert {" ", "ArrowLeft", "ArrowRight", "Home", "End", "h", "?", "v", "m", "l", "f"} <= set(keys)
    assert all(meaning for _, _, meaning in rows)


def test_ways_to_drive_the_player_are_there(motion):
    script = page(motion).scripts[None]
    for word in ("webgl2", 'getContext("2d")', "onpointerdown", "wheel", "followed", "paintFlat", "showModal"):
        assert word in script, word
