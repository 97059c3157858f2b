"""The zip: its manifest is what Blender wants, the same files give the same bytes, and its threads know no Blender."""

import ast
import io
import tomllib
import zipfile

import pytest

from genmo.runtime import __version__

WHEEL = "genmo_motion-0.1.0-py3-none-manylinux_2_34_x86_64.whl"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("genmo/runtime/lib/libgenmo.so", "a library")
    return path


def test_the_zip_is_the_same_every_time_and_whole(build, wheel):
    first, second = build.archive([wheel]), build.archive([wheel])
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as zipped:
        names = zipped.namelist()
        assert {"__init__.py", "blender_manifest.toml", "LICENSE", f"wheels/{WHEEL}", "core/request.py"} <= set(names)
        assert names == sorted(names) and not [name for name in names if "test" in name or "__pycache__" in name]
        assert zipped.read(f"wheels/{WHEEL}") == wheel.read_bytes()
        assert b"GNU GENERAL PUBLIC LICENSE" in zipped.read("LICENSE")


def test_the_manifest_is_as_blender_wants_it(build, wheel):
    read = tomllib.loads(build.manifest([wheel]))
    assert read["schema_version"] == "1.0.0" and read["type"] == "add-on" and read["id"].isidentifier()
    assert read["version"] == __version__ and read["blender_version_min"] == "4.2.0"
    assert read["license"] == ["SPDX:GPL-3.0-or-later"] and read["platforms"] == ["linux-x64"]
    assert read["wheels"] == [f"./wheels/{WHEEL}"]
    assert len(read["tagline"]) <= 64 and not read["tagline"].endswith(".")
    assert all(len(said) <= 64 and not said.endswith(".") for said in read["permissions"].values())


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a-1-py3-none-any.whl"], []),
        (["a-1-py3-none-win_amd64.whl", "b-2-py3-none-any.whl"], ["windows-x64"]),
        (["a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"], ["linux-x64"]),
        (["a-1-py3-none-macosx_11_0_arm64.whl"], ["macos-arm64"]),
    ],
)
def test_platforms_are_those_of_the_wheels(build, tmp_path, names, found):
    assert build.platforms([tmp_path / name for name in names]) == found


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a-1-py3-none-win_amd64.whl", "b-1-py3-none-macosx_11_0_arm64.whl"], "one zip a platform"),
        (["a-1-py3-none-plan9_x86.whl"], "none of Blender's"),
        (["readme.txt"], "no wheel's name"),
    ],
)
def test_wheels_that_do_not_go_together_are_refused(build, tmp_path, names, told):
    with pytest.raises(build.BuildError, match=told):
        build.platforms([tmp_path / name for name in names])


def test_the_command_writes_whole_or_not_at_all(build, wheel, tmp_path, capsys):
    assert build.main(["--out", str(tmp_path / "out"), "--wheel", str(wheel)]) == 0
    assert capsys.readouterr().out.strip().endswith(f"genmo-{__version__}-linux-x64.zip")
    assert build.main(["--out", str(tmp_path / "none"), "--wheel", str(tmp_path / "gone-1-py3-none-any.whl")]) == 2
    assert capsys.readouterr().err.startswith("build.py: error: ") and not (tmp_path / "none").exists()


def test_a_zip_that_could_not_run_the_network_is_refused(build, tmp_path, capsys):
    bare = tmp_path / "genmo_motion-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(bare, "w") as zipped:
        zipped.writestr("genmo/runtime/model.py", "")
    assert build.main(["--out", str(tmp_path / "out"), "--wheel", str(bare)]) == 2
    assert "has no libgenmo and ONNX Runtime's is not given" in capsys.readouterr().err
    runtime = tmp_path / "onnxruntime-1.32.0-cp311-cp311-win_amd64.whl"
    runtime.write_bytes(bare.read_bytes())
    assert build.main(["--out", str(tmp_path / "out"), "--wheel", str(bare), "--wheel", str(runtime)]) == 0
    assert capsys.readouterr().out.strip().endswith("windows-x64.zip")


def test_threads_know_no_blender(build):
    """What runs beside Blender's own thread may not touch it."""
    for path in (build.SOURCE / "core").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & {"bpy", "mathutils", "bpy_extras"}, path
