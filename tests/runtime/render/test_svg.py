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
from genmo.runtime.render.svg_rows import HEAD_HEIGHT, MAP_HEIGHT, MOST_ROWS, ROW_FIGURES, ROW_HEIGHT

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


def stairs(places):
    return 0.2 * np.floor(np.clip(places[..., 1], 0, 4))


def outlines(motion, ground=None):
    """Points of all figures, from left to right: those that are as far away may be drawn in any order."""
    return sorted(
        figures(ElementTree.fromstring(to_svg(motion, ground=ground))), key=lambda points: points[:, 0].mean()
    )


def raised(motion, metres):
    return replace(motion, translation=motion.translation + [0.0, metres, 0.0])


@pytest.mark.parametrize("metres", [0.4, -1.0])
def test_on_high_ground_everybody_stands_as_on_the_floor(metres):
    """Along a way, side by side, and in rows."""
    far = replace(walking(600), translation=walking(600).translation * [1, 1, 8])
    for motion in (walking(), still(30), far):
        high = outlines(raised(motion, metres), lambda places: np.full(places.shape[:-1], metres))
        for one, other in zip(outlines(motion), high, strict=True):
            np.testing.assert_allclose(one, other, atol=0.2)


def test_stairs_bend_the_lines_of_the_grid():
    texts = [to_svg(walking(), ground=floor).decode() for floor in (None, stairs)]
    grids = [re.search(r'fade\)"><path d="([^"]*)"', text)[1] for text in texts]
    heights = [np.ptp([float(y) for y in re.findall(r",(-?[\d.]+)", grid)]) for grid in grids]
    assert heights[1] > heights[0] + 50


def test_lively_motion(any_motion):
    root = ElementTree.fromstring(to_svg(any_motion))
    assert len(figures(root)) >= 1


def test_title_is_escaped_and_optional():
    assert "A &lt;title&gt; &amp; more" in to_svg(still(3), title="A <title> & more").decode()
    assert b"<text" not in to_svg(still(3))


def test_long_titles_fit():
    """In smaller letters, and cut at a word where these do not fit; the whole of it is the picture's name."""
    for words, size in ((3, 21), (16, 17), (300, 13)):
        title = " ".join(["person"] * words)
        root = ElementTree.fromstring(to_svg(still(3), title=title))
        (text,) = root.iter(f"{NAMESPACE}text")
        letters, drawn = len(text.text), float(text.get("font-size"))
        assert abs(drawn - size) < 0.2 and 34 + 0.6 * drawn * letters <= WIDTH - 33
        assert next(root.iter(f"{NAMESPACE}title")).text == title
        assert (text.text == title) == (words < 300) and (words < 300 or text.text.endswith("person …"))


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


def test_who_goes_far_is_drawn_in_rows_over_a_map():
    """A minute and eighty metres round a circle: people as high as a third of a row, a dot of the map for each."""
    motion = still(1801)
    angle = np.linspace(0, 5, 1801)
    way = 16 * np.stack([1 - np.cos(angle), 0 * angle, np.sin(angle)], axis=-1)
    root = ElementTree.fromstring(to_svg(replace(motion, translation=motion.translation + way)))
    assert int(root.get("height")) == HEAD_HEIGHT + MOST_ROWS * ROW_HEIGHT + MAP_HEIGHT
    rows = [group for group in root.findall(f"{NAMESPACE}g") if (group.get("transform") or "").startswith("translate")]
    assert len(rows) == MOST_ROWS
    for row in rows:
        outlines = figures(row)
        assert len(outlines) == ROW_FIGURES
        for points in outlines:
            assert np.ptp(points[:, 1]) > ROW_HEIGHT / 2.5
            assert (points > 0).all() and (points < (WIDTH, ROW_HEIGHT)).all()
    dots = np.array([[float(dot.get("cx")), float(dot.get("cy"))] for dot in root.iter(f"{NAMESPACE}circle")])
    assert len(dots) == MOST_ROWS * ROW_FIGURES
    *middle, rest = np.linalg.lstsq(np.column_stack([2 * dots, np.ones(len(dots))]), (dots**2).sum(axis=1))[0]
    radius = np.linalg.norm(dots - middle, axis=1)  # they lie on a circle
    np.testing.assert_allclose(radius, np.sqrt(rest + middle[0] ** 2 + middle[1] ** 2), rtol=0.01)
    times = [text.text for text in root.iter(f"{NAMESPACE}text")]
    assert times[0] == "0 s" and "60 s" in times and times[-1] == "20 m"
    bar = next(path.get("d") for path in root.findall(f"{NAMESPACE}path"))
    left, right = (float(number) for number in re.findall(r"(?:M|H)(-?\d+\.\d+)", bar))
    assert (right - left) / radius.mean() == pytest.approx(20 / 16, rel=0.01)
