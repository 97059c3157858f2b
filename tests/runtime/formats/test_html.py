"""The page needs nothing from outside and carries the motion."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from genmo.runtime.formats import to_html
from genmo.runtime.rotation import matrix_from_quaternion
from genmo.runtime.skeleton import JOINTS, PARENTS, forward_kinematics


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
    data, frames = page(any_motion).data, any_motion.frames
    assert data["frames"] == frames
    assert data["fps"] == 30
    assert tuple(data["parents"]) == PARENTS
    assert tuple(data["joints"]) == JOINTS
    quaternions = unpack(data["quaternions"], "<i2").reshape(frames, 24, 4) / 32767
    translation = unpack(data["translation"], "<f4").reshape(frames, 3)
    rotations = matrix_from_quaternion(quaternions)
    joints = forward_kinematics(rotations, translation.astype(float), np.asarray(data["offsets"]))[1]
    assert np.abs(joints - any_motion.joints_world()).max() < 3e-4
    assert unpack(data["contacts"], "u1").shape == (6 * frames,)


def test_mesh_is_whole(motion):
    mesh = page(motion).data["mesh"]
    vertices = unpack(mesh["vertices"], "<i2").reshape(-1, 3) * mesh["scale"]
    assert 0.7 < np.abs(vertices).max() < 1.3
    assert unpack(mesh["faces"], "<u2").max() == len(vertices) - 1
    assert len(unpack(mesh["normals"], "i1")) == 3 * len(vertices)
    assert len(unpack(mesh["joints"], "u1")) == 4 * len(vertices)
    weights = unpack(mesh["weights"], "u1").reshape(-1, 4).sum(axis=1, dtype=int)
    assert np.abs(weights - 255).max() <= 2


@pytest.mark.parametrize("words", ["plain", "</script><script>alert(1)</script>", 'a "quoted" & <b>bold</b> ünï'])
def test_title_and_prompt_are_shown_and_harmless(motion, words):
    shown = page(motion, title=words, prompt=words)
    assert shown.data["title"] == words
    assert shown.data["prompt"] == words
    assert shown.title == words
    assert set(shown.scripts) == {None, "application/json"}


def test_ways_to_drive_the_player_are_there(motion):
    script = page(motion).scripts[None]
    for word in (
        "webgl2",
        'getContext("2d")',
        "ArrowLeft",
        "ArrowRight",
        "onpointerdown",
        "wheel",
        "followed",
        "paintFlat",
    ):
        assert word in script, word
