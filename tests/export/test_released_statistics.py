"""The statistics of released weights: every form that the public repositories have, and none of it is run."""

import json
import re

import pytest
import torch

from genmo.export.released_statistics import FLAT, WANTED, read_statistics
from genmo.runtime.support.errors import InputError

TABLES = {
    "body_pose_r6d": ("amass", 126), "betas": ("amass", 10), "global_orient_c_r6d": ("bedlam", 6),
    "global_orient_gv_r6d": ("bedlam", 6), "local_transl_vel": ("amass", 3),
}  # fmt: skip


def statistics_file(folder, **changes):
    """Tables as the public repositories write them: number i of the layout has mean i, spread i / 100."""
    lines, first = ["import os", f"os.mkdir({str(folder / 'ran')!r})", "def compose(): pass"], 0
    for name, (data, width) in TABLES.items():
        numbers = list(range(first, first + width))
        table = {data: {"count": 3, "mean": numbers, "std": [(n + 1) / 100 for n in numbers]}, "other": {"mean": [1]}}
        lines.append(f"{name} = {changes.get(name, table)!r}")
        first += width
    path = folder / "stats_compose.py"
    path.write_text("\n".join([*lines, "ALL = compose([body_pose_r6d], ['amass'])"]))
    return path


def test_public_statistics_are_read_and_never_run(tmp_path):
    read = read_statistics(statistics_file(tmp_path))
    assert read.mean.tolist() == list(range(151)) and not (tmp_path / "ran").exists()
    spread = torch.arange(1, 152) / 100
    torch.testing.assert_close(read.std, spread.clamp(min=1))
    torch.testing.assert_close(read_statistics(tmp_path / "stats_compose.py", "gvhmr").std, spread)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("x = (", "not the statistics"),
        ("betas = {'amass': {'mean': [1]}}", "not the statistics"),
        ("betas = {'amass': os.sys}", "not the statistics"),
        ("(" * 5000, "not the statistics"),
    ],
)
def test_bad_statistics_are_one_line(tmp_path, text, message):
    path = tmp_path / "stats_compose.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_statistics(path)
    assert "\n" not in str(caught.value) and WANTED in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [0.0] * 150},
        {"std": [1.0] * 150 + [0.0]},
        {"std": [1.0] * 150 + [float("nan")]},
        {"mean": [float("inf")] * 151},
        {"mean": "a"},
        {"mean": None},
    ],
)
def test_bad_numbers_are_one_line(tmp_path, changes):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"mean": [0.0] * 151, "std": [1.0] * 151} | changes))
    with pytest.raises(InputError, match=re.escape(WANTED)) as caught:
        read_statistics(path)
    assert "\n" not in str(caught.value)


def test_a_table_of_another_width_is_refused(tmp_path):
    path = statistics_file(tmp_path, betas={"amass": {"mean": [1] * 16, "std": [1] * 16}})
    with pytest.raises(InputError, match="betas has 16 numbers, not 10"):
        read_statistics(path)
    path.write_text("#" * (1 << 22) + "##")
    with pytest.raises(InputError, match="at most 4194304"):
        read_statistics(path)


NUMBERS = {"mean": [float(n) for n in range(151)], "std": [(n + 1) / 100 for n in range(151)]}
CLIPPED = torch.arange(1, 152).div(100).clamp(min=1)


def flat_file(folder, *names, **others):
    """All features in one table, as the repository of the weights has them today, among what must not be run."""
    lines = ["import os", f"os.mkdir({str(folder / 'ran')!r})"]
    lines += [f"{name} = {NUMBERS!r}" for name in names] + [f"{name} = {table!r}" for name, table in others.items()]
    path = folder / "stats_compose.py"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("names", [(FLAT,), ("ANY_OTHER_NAME",), ("A", FLAT, "B")])
def test_one_flat_table_is_read_and_never_run(tmp_path, names):
    path = flat_file(tmp_path, *names, SMALL={"mean": [0.0], "std": [1.0]})
    assert read_statistics(path).mean.tolist() == list(range(151)) and not (tmp_path / "ran").exists()
    torch.testing.assert_close(read_statistics(path).std, CLIPPED)
    torch.testing.assert_close(read_statistics(path, "gvhmr").std, torch.arange(1, 152) / 100)


def test_an_annotated_table_is_a_table(tmp_path):
    path = tmp_path / "stats_compose.py"
    path.write_text(f"STATS: dict = {NUMBERS!r}")
    torch.testing.assert_close(read_statistics(path).std, CLIPPED)


def test_two_flat_tables_without_a_known_name_are_refused(tmp_path):
    with pytest.raises(InputError, match=f"has 2 tables of 151 numbers, none of them {FLAT}"):
        read_statistics(flat_file(tmp_path, "A", "B"))


def test_all_forms_give_the_same_units(tmp_path):
    """Numbers copied into .json are clipped like those of the .py: the same engine, whatever form they came in."""
    (tmp_path / "s.json").write_text(json.dumps(NUMBERS))
    found = [read_statistics(make(tmp_path)) for make in (statistics_file, lambda folder: flat_file(folder, FLAT))]
    found.append(read_statistics(tmp_path / "s.json"))
    for other in found[1:]:
        torch.testing.assert_close(other.std, found[0].std)
        torch.testing.assert_close(other.mean, found[0].mean)
    torch.testing.assert_close(read_statistics(tmp_path / "s.json", "gvhmr").std, torch.arange(1, 152) / 100)
