"""`--window-kernel`: what is asked of `tensorrt`, written down by a module that answers as it does."""

import shutil
import sys
from types import ModuleType, SimpleNamespace

import onnx
import pytest

from genmo.export.tensorrt import build_plans as module
from genmo.export.tensorrt import plan_builder, window_plugin
from genmo.export.tensorrt.build_plans import build_plans
from genmo.export.tensorrt.plan_options import BuildOptions
from genmo.runtime.engine.backends.tensorrt_plans import Gpu, Profile, find_plans, read_plans
from genmo.runtime.engine.bundle import load_engine

PROFILES = (Profile((1, 120, 1800), batch=2, texts=2),)


class Network:
    """Inputs by name, as ONNX or the builder adds them."""

    def __init__(self, flags):
        self.flags, self.model, self.from_file, self.names = flags, None, None, []

    num_inputs = property(lambda self: len(self.names))

    def get_input(self, index):
        return SimpleNamespace(name=self.names[index])

    def add_input(self, name, dtype, shape):
        self.names.append(name)

    def add_elementwise(self, *operands):
        return SimpleNamespace(get_output=lambda index: SimpleNamespace(name=""))

    add_reduce = add_elementwise

    def mark_output(self, tensor):
        pass


class Parser:
    def __init__(self, network, logger):
        self.network = network

    def _take(self, model, from_file):
        onnx.checker.check_model(model)
        self.network.model, self.network.from_file = model, from_file
        self.network.names = [value.name for value in model.graph.input]
        return True

    def parse_from_file(self, path):
        return self._take(onnx.load(path), True)

    def parse(self, content):
        return self._take(onnx.ModelProto.FromString(content), False)


class Config:
    def __init__(self):
        self.profiles = []

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, content):
        return SimpleNamespace(serialize=lambda: content + b"timed ")

    def set_timing_cache(self, cache, ignore):
        self.get_timing_cache = lambda: cache

    def set_flag(self, flag):
        pass

    clear_flag = set_flag


class Plugins(ModuleType):
    """`tensorrt.plugin`: one node is registered once."""

    def __init__(self):
        super().__init__("tensorrt.plugin")
        self.TensorDesc = self.KernelLaunchParams = SimpleNamespace
        self.SymInt32 = int
        self.SymIntExprs = lambda count: {}
        self.cdiv = lambda first, second: 0
        self.registered, self.implemented = {}, {}

    def _once(self, name, into):
        assert name not in into
        return lambda function: into.setdefault(name, function)

    def register(self, name):
        return self._once(name, self.registered)

    def aot_impl(self, name):
        return self._once(name, self.implemented)

    def ptx(self):
        """What the one node that was registered would be run with."""
        (implement,) = self.implemented.values()
        qkv = SimpleNamespace(shape_expr=(1, 1, 768), dtype=SimpleNamespace(name="FLOAT"))
        return implement(qkv, None, None, 64, 4, 120, (None,), 0)[1]


@pytest.fixture
def library(monkeypatch):
    made = ModuleType("tensorrt")
    made.networks, made.configs = {}, {}

    class Builder:
        def __init__(self, logger):
            self._configs = []

        def create_network(self, flags):
            return Network(flags)

        def create_builder_config(self):
            return Config()

        def create_optimization_profile(self):
            shapes = {}
            return SimpleNamespace(shapes=shapes, set_shape=lambda name, *corners: shapes.update({name: corners}))

        def build_serialized_network(self, network, config):
            name = network.model.graph.name if network.model else "update"
            made.networks[name], made.configs[name] = network, config
            return name.encode()

    operations = SimpleNamespace(PROD=0, SUM=1)
    made.__version__, made.float32 = "11.4.0", "float32"
    made.ILogger = type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0})
    made.Builder, made.OnnxParser = Builder, Parser
    made.ElementWiseOperation = made.ReduceOperation = operations
    made.BuilderFlag = SimpleNamespace(TF32=0)
    made.NetworkDefinitionCreationFlag = SimpleNamespace(PREFER_AOT_PYTHON_PLUGINS=5)
    made.HardwareCompatibilityLevel = SimpleNamespace(AMPERE_PLUS=1)
    made.plugin = Plugins()
    monkeypatch.setitem(sys.modules, "tensorrt", made)
    monkeypatch.setitem(sys.modules, "tensorrt.plugin", made.plugin)
    monkeypatch.setattr(module, "_target", lambda library, options: (("sm_90",), "NVIDIA Test 1"))
    monkeypatch.setattr(window_plugin, "read_ptx", lambda target: f"ptx for {target}")
    plan_builder.Log._of.pop("tensorrt", None)
    yield made
    plan_builder.Log._of.pop("tensorrt", None)


@pytest.fixture
def engine(tmp_path):
    """The engine that ships: its heads have 64 channels."""
    return load_engine(shutil.copytree(load_engine(None).folder, tmp_path / "engine"))


def test_the_step_has_the_kernel_and_one_profile_for_all_lengths(library, engine):
    out = build_plans(engine.folder, BuildOptions(library="tensorrt", profiles=PROFILES, window_kernel=True))
    nodes = {name: [node.op_type for node in n.model.graph.node] for name, n in library.networks.items() if n.model}
    assert nodes["step"].count(window_plugin.NAME) == engine.config.depth
    assert window_plugin.NAME not in nodes["conditions"] + nodes["texts"]
    made = {name: (network.flags, network.from_file) for name, network in library.networks.items()}
    assert made == {"conditions": (0, True), "texts": (0, True), "step": (1 << 5, False), "update": (0, None)}
    assert library.plugin.ptx() == "ptx for 90"
    (profile,) = library.configs["step"].profiles
    assert [corner[1] for corner in profile.shapes["x_t"]] == [1, 120, 1800]
    plans = read_plans(out)
    assert plans.window_kernel and out.name == plans.key and out.name.endswith("_b2_k2_kernel")


def test_it_is_registered_once_a_process(library, engine):
    for frames in (60, 90):
        profiles = (Profile((frames,) * 3, batch=2, texts=2),)
        build_plans(engine.folder, BuildOptions(library="tensorrt", profiles=profiles, window_kernel=True))
    assert len(library.plugin.registered) == 1


def test_plans_for_older_gpus_have_the_kernel_of_the_oldest(library, engine):
    options = BuildOptions(library="tensorrt", profiles=PROFILES, compatible="ampere+", window_kernel=True)
    build_plans(engine.folder, options)
    assert library.plugin.ptx() == "ptx for 80"


def test_plans_with_the_kernel_are_taken_first_and_built_again_with_it(library, engine):
    for kernel in (False, True):
        build_plans(engine.folder, BuildOptions(library="tensorrt", profiles=PROFILES, window_kernel=kernel))
    gpu = Gpu((9, 0), "NVIDIA Test 1")
    folder, plans = find_plans(engine.denoiser, "tensorrt", "11.4.0", gpu)
    assert folder.name.endswith("_kernel") and plans.window_kernel
    assert plans.rebuild_command(engine.folder, "tensorrt").endswith(" --window-kernel")
    assert "--window-kernel" not in plans.rebuild_command(engine.folder, "tensorrt_rtx")
    shutil.rmtree(folder)
    assert not find_plans(engine.denoiser, "tensorrt", "11.4.0", gpu)[1].window_kernel


def test_without_the_option_nothing_is_registered(library, engine):
    build_plans(engine.folder, BuildOptions(library="tensorrt", profiles=PROFILES))
    assert not library.plugin.registered and len(library.configs["step"].profiles) == 3


def test_without_ptx_it_is_one_line_before_any_work(library, engine, monkeypatch, tmp_path, capsys):
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    monkeypatch.setattr(module, "_target", lambda library, options: (("sm_75",), "NVIDIA Test 1"))
    assert module.main([str(engine.folder), "--library", "tensorrt", "--window-kernel"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no PTX for compute capability 7.5" in error and "make kernels" in error
    assert not (engine.folder / "tensorrt").exists() and not library.networks


def test_tensorrt_rtx_takes_no_plugins(engine, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", ModuleType("tensorrt_rtx"))
    assert module.main([str(engine.folder), "--library", "tensorrt_rtx", "--window-kernel"]) == 2
    assert "takes no plugins; wanted tensorrt" in capsys.readouterr().err
