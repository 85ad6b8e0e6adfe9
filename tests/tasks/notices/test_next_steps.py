"""What stands under "Next": lines that can be pasted, the first of which changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.incidents.model import Incident, Trouble
from tasks.notices.next_steps import next_steps

AT = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)
RETRY = "headgate retry nps-1   # mended"
LOOK = "headgate show nps-1"


@pytest.mark.parametrize(
    ("code", "run", "told", "steps"),
    [
        ("TOLERANCE", "nps-1", "headgate retry RUN   (when the source is mended)", (LOOK, RETRY)),
        ("CHECK-FAILED", "nps-1", "headgate show RUN", (LOOK, RETRY)),
        ("DRIFT", "nps-1", "headgate drift explain RUN",
         ("headgate drift explain nps-1", 'headgate drift accept nps-1 --reason "..."   # meant', RETRY)),
        ("HEADER", "nps-1", "mend the source; then: headgate run raw.nps",
         (LOOK, "# mend the source", "headgate run raw.nps", RETRY)),
        ("HEADER", "nps-1", "headgate check; then: headgate retry RUN", (LOOK, "headgate check", RETRY)),
        ("SOURCE-TIMEOUT", "nps-1", "headgate check --connect; then: headgate retry RUN",
         ("headgate check --connect", LOOK, RETRY)),
        ("SOURCE-UNREACHABLE", "nps-1", "headgate check --connect", ("headgate check --connect", LOOK, RETRY)),
        ("RUN-CRASHED", None, "headgate plan t; then: headgate run t", ("headgate plan t", "headgate run t")),
        ("RUN-NOT-STARTED", None, "headgate worker --pool p   (on a worker machine)",
         ("headgate worker --pool p   # on a worker machine",)),
    ],
)  # fmt: skip
def test_steps(code: str, run: str | None, told: str, steps: tuple[str, ...]) -> None:
    about: dict[str, Any] = {"run_id": run} if run else {}
    trouble = Trouble(scope="raw.nps", code=code, domain="run", family="upstream", severity="critical", message="m",
                      since=AT, latest=AT, tables=("raw.nps",), next_command=told, **about)  # fmt: skip
    incident = Incident(incident_id="3fa9c1", trouble=trouble, opened_at=AT, begun_at=AT, changed_at=AT, told_at=AT)
    found = next_steps(incident, lambda key: key.rpartition(".")[2])
    assert found == (*steps, "headgate incident ack 3fa9c1   # ack")
