"""Claims: one owner at a time, and none that outlives its owner."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.train.claims import Claims

KEY, OTHER = "0123456789abcdef", "fedcba9876543210"

OWNER = """
import sys, time
from pathlib import Path
from bench.train.claims import Claims
with Claims(Path(sys.argv[1])).claim(sys.argv[2]) as ours:
    print(ours, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_a_claim_is_one_owners(path: Path) -> None:
    """Also within one process; another key is free, and so is the key afterwards."""
    claims = Claims(path)
    with (
        claims.claim(KEY) as first,
        Claims(path).claim(KEY) as second,
        claims.claim(OTHER) as third,
    ):
        assert (first, second, third) == (True, False, True)
    with claims.claim(KEY) as again:
        assert again


def test_a_claim_can_be_waited_for(path: Path) -> None:
    """It comes when the other's ends."""
    order: list[str] = []

    def wait() -> None:
        with Claims(path).claim(KEY, wait=True) as ours:
            order.append(f"waited: {ours}")

    with Claims(path).claim(KEY):
        thread = threading.Thread(target=wait)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "waited: True"]


def test_a_claim_ends_with_its_owner(path: Path) -> None:
    """However that ends: after `kill -9` it is free at once."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path), KEY], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n"
        with Claims(path).claim(KEY) as ours:
            assert not ours
        owner.send_signal(signal.SIGKILL)
    with Claims(path).claim(KEY) as ours:
        assert ours


def test_where_nothing_can_be_locked_every_claim_is_granted(path: Path) -> None:
    """The file cannot be made: work may be done twice, and is done."""
    path.with_name("store.sqlite-claims").mkdir()
    with Claims(path).claim(KEY) as first, Claims(path).claim(KEY) as second:
        assert (first, second) == (True, True)
