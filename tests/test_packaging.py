"""What is installed: under a name of our own, on every numpy that pyproject.toml allows; options are typed."""

import ast
import functools
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


@functools.cache
def trees():
    """The syntax trees of the packages, by path from the root."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


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
        ("pip install " + '"genmo[cpu]"', True),
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


def numpy_faults(tree):
    """Uses of numpy that only one side of 2.0 knows: `np.concat`, `np.linalg.vector_norm`, `.mT`, `copy=None`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if is_numpy(node.value) and node.attr in ONLY_NUMPY_2 | GONE_IN_NUMPY_2:
                yield node.lineno, f"np.{node.attr}"
            elif is_linalg(node.value) and node.attr in ONLY_NUMPY_2_LINALG:
                yield node.lineno, f"np.linalg.{node.attr}"
            elif node.attr == "mT":
                yield node.lineno, ".mT"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_numpy(node.func.value):
            for keyword in node.keywords:
                if keyword.arg == "copy" and isinstance(keyword.value, ast.Constant) and not keyword.value.value:
                    yield node.lineno, f"np.{node.func.attr}(copy={keyword.value.value})"


def is_numpy(node):
    return isinstance(node, ast.Name) and node.id == "np"


def is_linalg(node):
    return isinstance(node, ast.Attribute) and node.attr == "linalg" and is_numpy(node.value)


def test_numpy_is_used_as_1_26_and_2_know_it():
    assert "numpy>=1.26,<3" in PROJECT["project"]["dependencies"]
    used = [(path, *fault) for path, tree in trees().items() for fault in numpy_faults(tree)]
    # tensors of PyTorch have .mT
    assert not [fault for fault in used if fault[2] != ".mT" or fault[0].parts[0] == "runtime"]


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
    assert bool(list(numpy_faults(ast.parse(source)))) is wrong


# --- options ------------------------------------------------------------------------------------------------------


def test_no_function_takes_a_namespace():
    """A command line is read once, into a frozen value with types; nothing passes argparse's own on."""
    taking = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation is not None and "Namespace" in ast.unparse(node.annotation)
    ]
    assert not taking


def test_every_main_goes_through_run_main():
    """One home for what a command does with errors, closed pipes and Ctrl-C."""
    mains = {
        str(path): ast.unparse(node)
        for path, tree in trees().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    }
    assert len(mains) > 8
    assert not [path for path, source in mains.items() if "run_main(" not in source]
