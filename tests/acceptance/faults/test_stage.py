"""An object store that fails, is slow, or gives other bytes: the right rows, or a clear error and an untouched table."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
# What happens before the publish is the same in every mode; append without a key is the one that shows doubled rows.
APPEND = pytest.mark.parametrize("loaded", ["append"], indirect=True)
PARTS, SET_ASIDE, MANIFEST, ALWAYS = "part-0", "quarantine.csv", "manifest.json", 10_000

PASSING = [
    ("PUT", PARTS, "500", 2), ("PUT", PARTS, "503", 2), ("PUT", PARTS, "slow", 1), ("PUT", PARTS, "hang up", 1),
    ("PUT", MANIFEST, "503", 1), ("PUT", SET_ASIDE, "500", 1), ("GET", PARTS, "500", 2), ("GET", PARTS, "503", 2),
    ("GET", PARTS, "slow", 1), ("GET", PARTS, "cut", 1), ("GET", PARTS, "wrong bytes", 1), ("GET", PARTS, "hang up", 1),
    ("GET", SET_ASIDE, "500", 1), ("GET", SET_ASIDE, "cut", 1), ("GET", SET_ASIDE, "wrong bytes", 1),
]  # fmt: skip
LASTING = [
    ("PUT", PARTS, "500", "STAGE-UNREACHABLE"), ("PUT", MANIFEST, "503", "STAGE-UNREACHABLE"),
    ("GET", PARTS, "503", "STAGE-UNREACHABLE"), ("GET", PARTS, "cut", "STAGE-UNREACHABLE"),
    ("GET", PARTS, "wrong bytes", "STAGE-CORRUPT"), ("GET", PARTS, "404", "STAGE-UNREACHABLE"),
    ("GET", SET_ASIDE, "503", "STAGE-UNREACHABLE"), ("GET", SET_ASIDE, "wrong bytes", "STAGE-CORRUPT"),
    ("GET", SET_ASIDE, "404", "STAGE-UNREACHABLE"),
]  # fmt: skip


@APPEND
@pytest.mark.parametrize(("method", "what", "how", "times"), PASSING)
def test_a_fault_that_passes(loaded: Any, bucket: Any, method: str, what: str, how: Any, times: int) -> None:
    bucket.fail(method, what, how, times)
    loaded.load()
    assert bucket.fired == times
    loaded.must_be_right()


@APPEND
@pytest.mark.parametrize(("method", "what", "how", "code"), LASTING)
def test_a_fault_that_lasts(
    loaded: Any, bucket: Any, idle: Any, monkeypatch: pytest.MonkeyPatch, method: str, what: str, how: Any, code: str
) -> None:
    loaded.give_up_at_once(monkeypatch)
    bucket.fail(method, what, how, ALWAYS)
    loaded.fails_with(code, "retryable")
    assert idle() == []
    bucket.forget()
    loaded.load()
    loaded.must_be_right()
