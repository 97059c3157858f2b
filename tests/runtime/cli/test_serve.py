"""genmo-serve from the command line: its options, serving until it is told to stop, and life without the extra."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from genmo.runtime.cli import serve


def command(capsys, *arguments):
    """Exit status and stderr."""
    try:
        status = serve.main(list(arguments))
    except SystemExit as stop:
        status = stop.code
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "--port is 70000; wanted 0 to 65535"),
        (["--host", "0.0.0.0"], "wanted --token-file FILE, GENMO_SERVE_TOKEN"),
        (["--token-file", "nowhere.txt"], "nowhere.txt: no such file; wanted a file with the token"),
        (["--host", "203.0.113.1", "--open"], "wanted an address of this machine"),
        (["--engine", "nowhere", "--port", "0"], "nowhere"),
        (["--allow-origin", "example.org"], "--allow-origin 'example.org'; wanted one such as https://example.org"),
        (["--allow-origin", "https://a.b/c"], "--allow-origin 'https://a.b/c'; wanted one such as https://example.org"),
        (["--prot", "1"], "did you mean --port?"),
    ],
)
def test_bad_options_are_one_line(capsys, arguments, said):
    status, line = command(capsys, *arguments)
    assert status == 2 and said in line and line.count("\n") == 1


def test_a_token_is_long_and_may_come_from_the_environment(capsys, monkeypatch):
    monkeypatch.setenv(serve.TOKEN, "short")
    status, line = command(capsys)
    assert status == 2 and "token is 5 characters" in line
    monkeypatch.setenv(serve.TOKEN, "a" * 32)
    settings = serve.read_options(["--host", "0.0.0.0"]).settings
    assert settings.token == "a" * 32 and "aaa" not in repr(settings)


def test_without_the_extra_one_line_says_what_to_type(tmp_path, python):
    for name in ("motionmcp", "uvicorn", "prometheus_client"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('no', name={name!r})")
    done = python(["-m", "genmo.runtime.cli.serve"], tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2 and done.stdout == ""
    assert 'wanted: pip install "genmo-motion[serve]"' in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.end_to_end
def test_it_serves_until_it_is_told_to_stop(tmp_path):
    options = ["-m", "genmo.runtime.cli.serve", "--port", "0", "--threads", "1"]
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, *options], stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=variables
    ) as running:
        try:
            said = next(line for line in running.stderr if " serves " in line)
            address = said.split()[1]
            with urllib.request.urlopen(f"{address}/capabilities") as answer:
                assert json.load(answer)["models"][0]["id"] == "genmo"
            running.send_signal(signal.SIGTERM)
            rest = running.stderr.read()
        finally:
            running.kill()
    lines = [json.loads(line) for line in rest.splitlines()]
    asked = next(line for line in lines if line["message"] == "request")
    assert asked["path"] == "/capabilities" and asked["status"] == 200 and asked["milliseconds"] >= 0
    assert "Traceback" not in rest
