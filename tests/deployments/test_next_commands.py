"""What to type next: the steps of it, and a command at its end."""

from __future__ import annotations

import pytest

from deployments.next_commands import leading_on, written

RETRY = "headgate retry RUN"


@pytest.mark.parametrize(("told", "commands"), [
    (None, [RETRY]),
    ("ask the source's owner, or mend source.query", [RETRY]),
    ("export HEADGATE_STAGE_URL=s3://BUCKET/PREFIX", [RETRY]),
    # What names a command of ours has its own next step.
    ("headgate check --connect", ["headgate check --connect"]),
    ("smaller windows; headgate retry RUN   (once it is there)", [RETRY]),
])  # fmt: skip
def test_what_leads_nowhere_ends_with_a_command(told: str | None, commands: list[str]) -> None:
    steps = written(leading_on(told, RETRY))
    assert [step for step, _ in steps if step.startswith("headgate ")] == commands
    assert told is None or steps[: len(written(told))] == written(told), "what it said stays"
