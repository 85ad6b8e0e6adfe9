"""Which failures of a task Prefect tries again, and that none is once the run is told to stop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deployments.errors import HeadgateError, RetryableError, UpstreamError
from tasks.pauses import cut_short
from tasks.retrying import worth_retrying

TASK = SimpleNamespace(name="publish", retry_delay_seconds=[5.0, 30.0])
TASK_RUN = SimpleNamespace(run_count=1)


def failed(error: HeadgateError) -> Any:
    return SimpleNamespace(result=lambda raise_on_failure: error)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (RetryableError("busy", code="LOCKED"), True),
        (RetryableError("waited for already", code="REPLICA-BEHIND"), False),
        (UpstreamError("cut", code="SOURCE-CUT"), True),
        (UpstreamError("other columns", code="HEADER"), False),
    ],
)
def test_what_may_pass_by_itself_is_tried_again(error: HeadgateError, again: bool) -> None:
    assert worth_retrying(TASK, TASK_RUN, failed(error)) is again


def test_nothing_is_tried_again_by_a_run_that_is_told_to_stop() -> None:
    with cut_short(), pytest.raises(KeyboardInterrupt):
        worth_retrying(TASK, TASK_RUN, failed(RetryableError("busy", code="LOCKED")))
