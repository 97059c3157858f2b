"""The names that users build on: none missing, none by accident, all explained."""

import importlib
import inspect
import pkgutil
import tomllib
from pathlib import Path

import pytest

import genmo.export
import genmo.runtime
import genmo.train

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = [
    "BackendError",
    "Camera",
    "CameraSpan",
    "Crowd",
    "EngineError",
    "FeatureSpan",
    "GenmoError",
    "InputError",
    "JointTargets",
    "Keyframes",
    "KeypointSpan",
    "Keypoints",
    "Motion",
    "MotionAhead",
    "MotionGenerator",
    "MotionModel",
    "MotionStream",
    "RootPath",
    "Stick",
    "StreamPose",
    "Text",
    "Timeline",
    "blend",
    "keyframes_from_file",
    "keypoints_from_results",
    "load_motion",
    "motion_from_file",
    "read_joint_targets",
    "read_keyframes",
    "read_keypoints",
    "read_timeline",
    "save_motion",
]
MODULES = sorted(
    module.name
    for package in (genmo.runtime, genmo.train, genmo.export)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
)


def test_the_runtime_offers_these_names_and_no_others():
    """A change here is a change for every user: it belongs in the CHANGELOG."""
    assert genmo.runtime.__all__ == RUNTIME
    offered = {
        name
        for name, value in vars(genmo.runtime).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert offered == set(RUNTIME)


def test_the_model_offers_these_ways():
    public = {name for name in dir(genmo.runtime.MotionModel) if not name.startswith("_")}
    assert {"load", "estimate", "generate", "follow"} <= public
    generate = inspect.signature(genmo.runtime.MotionModel.generate).parameters
    assert list(generate) == [
        "self",
        "texts",
        "frames",
        "steps",
        "guidance",
        "seed",
        "samples",
        "clean_feet",
        "split_texts",
        "tries",
    ]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    module = importlib.import_module(name)
    assert module.__doc__ and module.__doc__.strip()
    for exported in getattr(module, "__all__", ()):
        assert hasattr(module, exported), f"{name}.__all__ names {exported}, which is not there"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("genmo.runtime")])
def test_every_public_function_of_the_runtime_is_explained(name):
    module = importlib.import_module(name)
    silent = [
        item
        for item, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
        and not item.startswith("_")
        and not inspect.getdoc(value)
    ]
    assert not silent


def test_the_commands_are_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert sorted(scripts) == [
        "genmo-clips",
        "genmo-eval",
        "genmo-export",
        "genmo-export-pose",
        "genmo-get-pose",
        "genmo-keyframe",
        "genmo-live",
        "genmo-prepare",
        "genmo-retarget",
        "genmo-run",
        "genmo-serve",
        "genmo-train",
        "genmo-view",
    ]
    for target in scripts.values():
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_errors_share_a_base():
    for name in ("BackendError", "EngineError", "InputError"):
        assert issubclass(getattr(genmo.runtime, name), genmo.runtime.GenmoError)
