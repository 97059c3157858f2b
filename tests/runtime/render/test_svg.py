"""The picture is well-formed, self-contained, and shows every moment inside its frame."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.formats import to_svg
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.render.svg import FIGURES, HEIGHT, WIDTH

NAMESPACE = "{http://www.w3.org/2000/svg}"


def still(frames):
    """A person in T-pose who does not move."""
    translation = np.tile([0.0, 0.95, 0.0], (frames, 1))
    return Motion(rotations=np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1)), translation=translation)


def walking(frames=60):
    motion = still(frames)
    return replace(motion, translation=motion.translation + np.linspace(0, 5, frames)[:, None] * (0.0, 0.0, 1.0))


def figures(root):
    """Path points of each figure: groups whose paths are filled with gradients."""
    polygons = []
    for group in root.findall(f"{NAMESPACE}g"):
        paths = [path.get("d") for path in group.findall(f"{NAMESPACE}path") if "url(" in (path.get("fill") or "")]
        if paths:
            numbers = [float(number) for path in paths for number in re.findall(r"-?\d+\.\d+", path)]
            polygons.append(np.asarray(numbers).reshape(-1, 2))
    return polygons


@pytest.mark.parametrize("make", [lambda: still(1), lambda: still(2), lambda: still(90), walking])
def test_every_figure_is_inside_the_picture(make):
    motion = make()
    root = ElementTree.fromstring(to_svg(motion, title="A <title> & more"))
    assert root.tag == f"{NAMESPACE}svg"
    outlines = figures(root)
    assert len(outlines) == min(FIGURES, motion.frames)
    for points in outlines:
        assert np.isfinite(points).all()
        assert (points > 0).all()
        assert (points < (WIDTH, HEIGHT)).all()
    middles = sorted(float(points[:, 0].mean()) for points in outlines)
    assert all(b - a > 50 for a, b in zip(middles[:-1], middles[1:], strict=True))


def test_lively_motion(any_motion):
    root = ElementTree.fromstring(to_svg(any_motion))
    assert len(figures(root)) >= 1


def test_title_is_escaped_and_optional():
    assert "A &lt;title&gt; &amp; more" in to_svg(still(3), title="A <title> & more").decode()
    assert b"<text" not in to_svg(still(3))


def test_nothing_is_loaded_and_names_are_unique():
    text = to_svg(walking()).decode()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "href" not in text
    names = re.findall(r' id="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(names)


def test_travel_draws_a_path_from_left_to_right():
    root = ElementTree.fromstring(to_svg(walking()))
    strokes = [g for g in root.findall(f"{NAMESPACE}g") if g.get("stroke-linecap") == "round"]
    assert len(strokes) == 1
    first, last = (re.findall(r"-?\d+\.\d+", strokes[0][at].get("d"))[0] for at in (0, -1))
    assert float(first) < float(last)
