"""Files of ground that is not flat."""

import numpy as np
import pytest

from genmo.runtime import InputError, load_motion
from genmo.runtime.cli.run import main
from genmo.runtime.readers.ground import read_ground

STEPS = "- {height: 0.1}\n- {height: 0.3, x: [-1, 1], z: [1, .inf], rise_z: 0.5}\n"


def test_planes_and_grids(tmp_path):
    (tmp_path / "g.yaml").write_text(STEPS)
    places = np.array([[0.0, 0.0], [0.0, 2.0], [3.0, 2.0]])
    np.testing.assert_allclose(read_ground(tmp_path / "g.yaml")(places), [0.1, 0.8, 0.1])
    np.savez(tmp_path / "g.npz", heights=np.array([[0.0, 1.0], [2.0, 3.0]]), origin=[0.0, 0.0], spacing=2.0)
    np.testing.assert_allclose(read_ground(tmp_path / "g.npz")(places), [0.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no list of planes"),
        ("- 3", "a plane is"),
        ("- {hight: 3}", "unknown entry"),
        ("- {height: high}", "wanted a number"),
        ("- {height: .nan}", "wanted finite"),
        ("- {height: 1.0e+9}", "wanted finite"),
        ("- {z: [0, 1], rise_z: 1.0e+300}", "wanted finite"),
        ("- {x: [2, 1]}", "wanted a rising span"),
        ("- {x: 2}", "wanted \\[from, to\\]"),
    ],
)
def test_what_is_no_ground(tmp_path, text, said):
    (tmp_path / "g.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        read_ground(tmp_path / "g.yaml")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"heights": np.zeros(3)},
        {"heights": np.zeros((2, 2)), "origin": np.zeros(3), "spacing": 1.0},
        {"heights": np.zeros((2, 2), complex), "origin": np.zeros(2), "spacing": 1.0},
        {"heights": np.full((2, 2), 1e308), "origin": np.zeros(2), "spacing": 1.0},
    ],
)
def test_what_is_no_grid(tmp_path, arrays):
    np.savez(tmp_path / "g.npz", **arrays)
    with pytest.raises(InputError, match="wanted"):
        read_ground(tmp_path / "g.npz")


def test_the_command_puts_people_on_it(tiny_engine, tmp_path, capsys):
    (tmp_path / "g.yaml").write_text("- {height: 0.5}\n")
    asked = ["--text", "a person walks", "--frames", "30", "--engine", str(tiny_engine)]
    for name, more in (("flat.npz", []), ("high.npz", ["--ground", str(tmp_path / "g.yaml")])):
        assert main([*asked, *more, "--out", str(tmp_path / name)]) == 0
    flat, high = (load_motion(tmp_path / name) for name in ("flat.npz", "high.npz"))
    np.testing.assert_allclose(high.translation[:, 1] - flat.translation[:, 1], 0.5, atol=0.02)
    out = ["--out", str(tmp_path / "no.npz")]
    assert main([*asked, *out, "--ground", str(tmp_path / "g.yaml"), "--in-place"]) == 2
    assert "--in-place" in capsys.readouterr().err
    assert not (tmp_path / "no.npz").exists()
