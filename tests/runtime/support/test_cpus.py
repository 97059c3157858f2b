"""How many threads a library may be asked for."""

import pytest

from genmo.runtime.support.cpus import MOST_THREADS, check_threads
from genmo.runtime.support.errors import InputError


@pytest.mark.parametrize("threads", [0, 1, MOST_THREADS])
def test_numbers_of_threads(threads):
    check_threads(threads)


@pytest.mark.parametrize("threads", [-1, MOST_THREADS + 1, 10**400])
def test_what_no_machine_has_is_refused(threads):
    with pytest.raises(InputError, match=r"threads is .{1,110}; wanted 0 \(all cores\) to 1024") as error:
        check_threads(threads)
    assert len(str(error.value)) < 200
