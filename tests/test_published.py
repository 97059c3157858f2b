"""What people see before they install: a README that stands alone, who to cite, forms, workflows, a website."""

import importlib.util
import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from genmo.runtime import __version__
from genmo.runtime.cli import serve

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def on_a_package_index():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for change in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        readme = re.sub(change["pattern"], change["replacement"], readme)
    return readme


def test_the_readme_of_a_package_index_links_to_nothing_that_is_not_there():
    links = re.findall(r"\]\(([^)]*)\)", on_a_package_index())
    assert links and all(link.startswith("https://") for link in links)
    assert "![" not in on_a_package_index()
    assert "docs/troubleshooting" not in on_a_package_index() and "troubleshooting by error" in on_a_package_index()


def test_what_is_cited_is_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__ and cited["license"] == PROJECT["project"]["license"]
    assert cited["preferred-citation"]["url"] in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_what_makes_it_happen_again(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert content["name"] and content["description"]
    assert any("command" in field["attributes"]["label"].lower() for field in content["body"])
    assert all(field["validations"]["required"] for field in content["body"])


def runs_of(workflow):
    """Every command, for every choice of its job's matrix that it names."""
    for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
        choices = job.get("strategy", {}).get("matrix", {})
        for command in (step["run"] for step in job["steps"] if "run" in step):
            named = re.findall(r"\$\{\{ matrix\.(\w+) \}\}", command)
            for chosen in itertools.product(*(choices[name] for name in named)):
                values = iter(map(str, chosen))
                yield re.sub(r"\$\{\{ matrix\.\w+ \}\}", lambda _, values=values: next(values), command)


@pytest.mark.parametrize("name", ["tests", "wheels"])
def test_workflows_run_what_exists(name):
    commands = list(runs_of(ROOT / ".github" / "workflows" / f"{name}.yml"))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    extras = PROJECT["project"]["optional-dependencies"]
    assert commands
    for command in commands:
        first, *rest = command.split()
        assert first != "make" or set(rest) <= set(targets)
        assert not first.startswith("genmo-") or first in PROJECT["project"]["scripts"]
        assert all(
            (ROOT / word).exists() for word in command.split() if re.fullmatch(r"(docs|examples|\.ci)/\S+", word)
        )
        for wanted in re.findall(r"\.\[([\w,-]+)\]", command):
            assert set(wanted.split(",")) <= set(extras)


def test_the_container_installs_and_starts_what_exists():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"\*\.whl\)\[(\w+)\]", lines)[1] in PROJECT["project"]["optional-dependencies"]
    program, *options = json.loads(re.search(r"^ENTRYPOINT (\[.*\])$", lines, re.MULTILINE)[1])
    assert program in PROJECT["project"]["scripts"]
    known = {option for action in serve.parser()._actions for option in action.option_strings}
    assert {option for option in options if option.startswith("-")} | {"--allow-host"} <= known
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    wheel = {folder for folder in PROJECT["tool"]["scikit-build"]["wheel"]["packages"].values()}
    assert not wheel & set(kept_out) and {"runtime", "kernels"}.isdisjoint(kept_out)


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "docs" / "site" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_on_the_website_once(site):
    pages = site.pages_of(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    pages += [f"{page}.md" for section in site.SECTIONS.values() for page in section if page.startswith("runtime/")]
    entries = [line for line in site.index_of(pages).splitlines() if re.fullmatch(r"[\w./-]+", line)]
    wanted = {page.removesuffix(".md") for page in pages} - {"README"} | {"docs/api-reference"}
    assert sorted(entries) == sorted(wanted)


def test_every_page_named_in_the_website_s_contents_exists(site):
    named = {page for section in site.SECTIONS.values() for page in section} - {"docs/api-reference"}
    assert not [page for page in named if not (ROOT / f"{page}.md").is_file()]


def test_a_page_without_a_heading_gets_its_name(site):
    assert site.titled("runtime/engines/small/training/obey.md").startswith("# Obey\n")
    assert site.titled("docs/log.md").startswith("# Experiment log\n")
