"""Options of plans."""

from types import SimpleNamespace

import pytest

from genmo.export.tensorrt.plan_options import BuildOptions, capabilities, check_options, read_frames
from genmo.runtime.engine.backends.tensorrt_plans import Profile
from genmo.runtime.support.errors import InputError


def test_tensorrt_options_are_its_own():
    library = SimpleNamespace(__name__="tensorrt")
    check_options(library, BuildOptions(compatible="ampere+", version_compatible=True))
    with pytest.raises(InputError, match="--gpu with tensorrt, which builds for the GPU that is here"):
        check_options(library, BuildOptions(gpus=("sm_80",)))
    with pytest.raises(InputError, match="differ in frames only"):
        check_options(library, BuildOptions(profiles=(Profile(batch=2), Profile((9, 9, 9), batch=4))))
    assert capabilities(library) == {}


def test_the_frames_option():
    assert read_frames("dynamic") == (1, 120, 1800)
    assert read_frames("60") == (60, 60, 60)
    assert read_frames("1:2:3") == (1, 2, 3)
