"""What a benchmark says of its machine: the processes that it starts are no others."""

import subprocess
import sys

import pytest

from benchmarks import machine

BURN = "import time\nwhile time.process_time() < 0.4: pass\nprint(flush=True)\ninput()"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
def test_peers_count_as_our_own_while_they_run_and_after():
    before = machine.own_seconds()
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
        assert peer.stdout is not None and peer.stdin is not None
        peer.stdout.readline()
        running = machine.own_seconds()
        peer.stdin.write(b"\n")
    assert 0.35 < running - before < 10
    assert machine.own_seconds() >= running - 0.05
