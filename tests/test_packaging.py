"""What is installed: under a name of our own, on every numpy that pyproject.toml allows; options are typed."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import genmo.runtime

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("runtime", "train", "export")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# What `pip install` must never be told: on the package index this name is another company's.
STRANGER = re.compile(r"pip3? install[^\n`]*[\s\"']genmo(?![\w./-])|[\"'`\s]genmo\[")


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


# --- the distribution ---------------------------------------------------------------------------------------------


def test_the_distribution_has_a_name_of_our_own():
    assert PROJECT["project"]["name"] == "genmo-motion"
    extras = PROJECT["project"]["optional-dependencies"]
    of_ours = [need for needs in extras.values() for need in needs if need.startswith("genmo")]
    assert of_ours and all(need.startswith("genmo-motion[") for need in of_ours)
    named = {name for need in of_ours for name in need[len("genmo-motion[") : -1].split(",")}
    assert named <= set(extras)


def test_the_version_has_one_home():
    assert "version" in PROJECT["project"]["dynamic"]
    home = (ROOT / PROJECT["tool"]["scikit-build"]["metadata"]["version"]["input"]).read_text()
    assert f'__version__ = "{genmo.runtime.__version__}"' in home


@pytest.fixture(scope="module")
def texts():
    """Every text of the repository but this file, by its path."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    contents = {path: path.read_bytes() for path in paths if path.is_file() and path != Path(__file__)}
    return {path: data.decode(errors="replace") for path, data in contents.items() if b"\0" not in data[:8192]}


def test_nobody_is_told_to_install_a_strangers_package(texts):
    found = [f"{path}: {hit.group()}" for path, text in texts.items() for hit in STRANGER.finditer(text)]
    assert not found, "\n".join(found)


def test_every_extra_that_is_named_is_there(texts):
    known = set(PROJECT["project"]["optional-dependencies"])
    hits = [(path, hit[1]) for path, text in texts.items() for hit in re.finditer(r"genmo-motion\[([\w,-]+)\]", text)]
    assert hits
    assert not [(path, names) for path, names in hits if not set(names.split(",")) <= known]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('pip install "genmo[cpu]"', True),
        ("pip install genmo", True),
        ("see `genmo[usd]`", True),
        ('pip install "genmo-motion[cpu]"', False),
        ("pip install ./genmo", False),
        ('pip install ".[cpu]"', False),
        ("vectors[genmo[0]]", False),
    ],
)
def test_a_wrong_name_is_found(text, wrong):
    assert bool(STRANGER.search(text)) is wrong


# --- numpy --------------------------------------------------------------------------------------------------------

# Names that numpy 2 brought: a module, a function or a method of these does not exist in 1.26.
ONLY_NUMPY_2 = {
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_count", "bitwise_invert", "concat"),
    *("bitwise_left_shift", "bitwise_right_shift", "bool", "cumulative_prod", "cumulative_sum", "isdtype", "long"),
    *("matrix_transpose", "matvec", "permute_dims", "pow", "strings", "trapezoid", "ulong", "unique_all", "unstack"),
    *("unique_counts", "unique_inverse", "unique_values", "vecdot", "vecmat", "astype", "from_dlpack"),
}
ONLY_NUMPY_2_LINALG = {"cross", "diagonal", "matmul", "matrix_norm", "outer", "svdvals", "tensordot", "trace"}
ONLY_NUMPY_2_LINALG |= {"matrix_transpose", "vecdot", "vector_norm"}
GONE_IN_NUMPY_2 = {
    *("alltrue", "cast", "cfloat", "cumproduct", "find_common_type", "float_", "in1d", "infty", "Inf", "mat", "NaN"),
    *("product", "row_stack", "sometrue", "string_", "trapz", "unicode_", "complex_", "longfloat", "msort"),
}


def numpy_faults(source):
    """Uses of numpy that only one side of 2.0 knows: `np.concat`, `np.linalg.vector_norm`, `.mT`, `copy=None`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name.removeprefix("np.") in ONLY_NUMPY_2 | GONE_IN_NUMPY_2 and name.startswith("np."):
                yield node.lineno, name
            elif name.removeprefix("np.linalg.") in ONLY_NUMPY_2_LINALG and name.startswith("np.linalg."):
                yield node.lineno, name
            elif node.attr == "mT":
                yield node.lineno, f".{node.attr}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("np."):
            for keyword in node.keywords:
                value = keyword.value
                no_copy = isinstance(value, ast.Constant) and value.value in (None, False)
                if keyword.arg == "copy" and no_copy and ast.unparse(node.func) in ("np.array", "np.asarray"):
                    yield node.lineno, f"{ast.unparse(node.func)}(copy={value.value})"


def test_numpy_is_used_as_1_26_and_2_know_it():
    assert "numpy>=1.26,<3" in PROJECT["project"]["dependencies"]
    used = [(path, fault) for path in sources() for fault in numpy_faults(path.read_text(encoding="utf-8"))]
    runtime = ROOT / "runtime"  # tensors of PyTorch have .mT
    used = [(path, fault) for path, fault in used if fault[1] != ".mT" or path.is_relative_to(runtime)]
    assert not [f"{path.relative_to(ROOT)}:{line}: {name}" for path, (line, name) in used]


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("np.concat([a, b])", True),
        ("np.linalg.vector_norm(a)", True),
        ("np.linalg.norm(a)", False),
        ("np.trapz(a)", True),
        ("rotation.mT @ a", True),
        ("np.array(a, copy=None)", True),
        ("np.array(a, copy=False)", True),
        ("np.array(a, copy=True)", False),
        ("a.astype(np.float32)", False),
        ("np.bool_", False),
        ("np.bool", True),
    ],
)
def test_a_numpy_of_one_side_is_found(source, wrong):
    assert bool(list(numpy_faults(source))) is wrong


# --- options ------------------------------------------------------------------------------------------------------


def test_no_function_takes_a_namespace():
    """A command line is read once, into a frozen value with types; nothing passes argparse's own on."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                annotations = [ast.unparse(one.annotation) for one in every if one.annotation is not None]
                if any("Namespace" in annotation for annotation in annotations):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found


def test_every_main_goes_through_run_main():
    """One home for what a command does with errors, closed pipes and Ctrl-C."""
    found = []
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "main" and "run_main(" not in ast.unparse(node):
                found.append(str(path.relative_to(ROOT)))
    assert not found
