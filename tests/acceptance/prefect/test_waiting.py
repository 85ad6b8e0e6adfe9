"""A batch whose data isn't there yet waits without holding a worker, and goes on by itself when it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.story


def test_waits_then_loads(site: Any) -> None:
    site.write(days=2, files=1, source=f"""\
wait_for: {{url: "file://{site.folder}/files/{{window.start:%Y-%m-%d}}.csv", until: "23:00", every: 3s}}
""")  # fmt: skip
    site.headgate("deploy")
    site.worker("one")
    # The clock is passed in: two hours after the second day ended.
    now = datetime(2020, 8, 12, 2, tzinfo=ZoneInfo("Asia/Seoul"))
    run = site.start(f"load/{site.table}", now=now.isoformat())
    waiting = site.wait(lambda: (s := site.state_of(run))["name"] == "Waiting" and s)
    assert waiting["type"] == "SCHEDULED"
    assert waiting["message"].startswith("2020-08-11 waits for file://")
    assert site.ask(f"SELECT count(*) FROM {site.table}") == [(20,)]
    limits = site.api("v2/concurrency_limits/filter", {"limit": 200})
    site.deliver(1)
    assert site.ended(run)["message"] == "1 batch published, 20 rows"
    assert limits, "the deployment's limit is known to the server"
    site.right(2)


def test_at_the_deadline_it_is_a_late_upstream(site: Any) -> None:
    site.write(days=1, files=0, source=f"""\
wait_for: {{url: "file://{site.folder}/files/{{window.start:%Y-%m-%d}}.csv", until: "05:30"}}
""")  # fmt: skip
    site.headgate("deploy")
    site.worker("one")
    late = site.ended(
        site.start(f"load/{site.table}", now=datetime(2020, 8, 11, 6, tzinfo=ZoneInfo("Asia/Seoul")).isoformat())
    )
    assert late["type"] == "FAILED"
    assert "late: at 2020-08-11 05:30 (Asia/Seoul)" in late["message"]
    (fact,) = [json.loads(f.read_text()) for f in (site.folder / "state/facts").glob("*.json")]
    assert (fact["kind"], fact["subject"]) == ("failed", site.table)
    assert datetime.fromisoformat(fact["at"]) > datetime.now(UTC) - timedelta(hours=1)
