"""What a notice says: from a failed run, a late table, a warehouse that is down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.project import SHOP, Project, load_project
from expectations.record import Drift, DriftAlert, Failure, RuleResult, RunRecord
from tasks.incidents.causes import Failing, trouble
from tasks.incidents.freshness import Promise, Standing
from tasks.incidents.machine import Action, Kind
from tasks.incidents.model import Incident, Trouble
from tasks.notices.compose import Context, Places, Prefect, compose, promised
from tasks.notices.mail import plain_text
from tasks.notices.notice import Contact, Notice

NOW = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
NPS = "raw_data.nps"


@pytest.fixture(scope="module")
def shop() -> Project:
    return load_project(SHOP)


def record(**changes: Any) -> RunRecord:
    base: dict[str, Any] = {
        "run_id": "nps-2019-09-f48bbe", "table": NPS, "kind": "ingest", "mode": "replace_window", "status": "failed",
        "batch_key": "2019-09-01T00:00:00Z/2019-10-01T00:00:00Z", "label": "2019-09", "tier": "core",
        "started_at": NOW - timedelta(minutes=12), "finished_at": NOW - timedelta(minutes=10),
        "failure": Failure(code="CHECK-FAILED", family="upstream", step="validate", message="1 critical check failed",
                           who_must_act="owner of the source", next_command="headgate show RUN"),
        "rules": (RuleResult(code="NPS-SCORE", type="expect_column_values_to_be_between", outcome="fail", place="batch",
                             sentence="score is between 0 and 10", severity="critical", rows_checked=243, rows_failed=12,
                             failing_keys=({"id": 1, "email": "someone@private.example"},)),),
        "schema_columns": ({"name": "email", "masked": True}, {"name": "comment", "masked": True}),
    }  # fmt: skip
    return RunRecord(**{**base, **changes})


def told(shop: Project, item: Trouble, kind: Kind = "opened", **changes: Any) -> Notice:
    incident = Incident(incident_id="3fa9c1", trouble=item, opened_at=NOW, begun_at=item.since, changed_at=NOW)
    standings = {
        NPS: Standing(NPS, NOW - timedelta(days=1), "2019-08",
                      (Promise("customer care", None, NOW + timedelta(minutes=130), "fresh by 08:00"),)),
        "analytics.monthly_nps": Standing("analytics.monthly_nps", None, "",
                      (Promise("board", None, NOW - timedelta(hours=1), "fresh by 05:00"),)),
    }  # fmt: skip
    context = Context(
        project=shop, now=NOW, standings=standings, called=(Contact("Minji Kim", "m@example.com", "U01MINJI"),),
        places=Places("https://reports.example.com", Prefect("https://prefect.example.com"), "https://wiki.example.com/rb"),
        zone="Asia/Seoul",
    )  # fmt: skip
    return compose(Action(kind, (incident.model_copy(update=changes),), NOW), context)


def test_a_failed_run_says_everything_the_on_call_needs(shop: Project) -> None:
    text = plain_text(told(shop, trouble(shop, Failing(record(), NOW - timedelta(minutes=10), 2))))
    for part in (
        "raw_data.nps 2019-09 failed [CHECK-FAILED]",
        "Who must act: the owner of the source",
        "NPS-SCORE: score is between 0 and 10 (12 of 243 rows break it)",
        "raw_data.nps is as it was published at Sun 2026-11-22 12:50 (Asia/Seoul), with data up to 2019-08",
        "Not rebuilt",
        "analytics.monthly_nps",
        "customer care: fresh by 08:00, 2 h 10 min left",
        "board: fresh by 05:00, broken 1 h ago",
        "Window: 2019-09",
        "Step: validate",
        "first seen Mon 2026-11-23 12:40 (Asia/Seoul), 2 times in all",
        "Owner: customer-care@example.com",
        "On call: Minji Kim",
        "headgate show nps-2019-09-f48bbe",
        "headgate incident ack 3fa9c1",
        "https://reports.example.com/tables/raw_data.nps/runs/nps-2019-09-f48bbe.html",
        "https://wiki.example.com/rb/data.md",
    ):
        assert part in text, part


def test_no_values_of_people_whatever_the_record_holds(shop: Project) -> None:
    alert = DriftAlert(column="email", kind="categories", level="page", score=9, message="email: someone@private.example is new",
                       observed="someone@private.example", examples=("someone@private.example",))  # fmt: skip
    rule = record().rules[0].model_copy(update={"column": "email", "observed": "someone@private.example"})
    risky = record(drift=Drift(verdict="drift", score=9, alerts=(alert,)), rules=(rule,))
    assert "private.example" not in plain_text(told(shop, trouble(shop, Failing(risky, NOW, 1))))


def test_the_rest_of_a_message_is_kept_as_lines(shop: Project) -> None:
    refused = Failure(
        code="COPY-REFUSED", family="code", step="copy", who_must_act="engineer", next_command=None,
        message="COPY into raw_data.nps was refused: part-3.csv line 7, column score smallint: Invalid digit (code 1207)."
        "\n  and at least 4 more",
    )  # fmt: skip
    notice = told(shop, trouble(shop, Failing(record(failure=refused, rules=()), NOW, 1)))
    assert "column score smallint: Invalid digit" in notice.cause[0]
    assert notice.cause[1] == "and at least 4 more"
    assert notice.links[-1].url.endswith("/copy.md")


def test_a_warehouse_that_is_down_names_its_tables(shop: Project) -> None:
    down = Trouble(scope="the warehouse", code="WAREHOUSE-UNREACHABLE", domain="warehouse", family="retryable",
                   severity="critical", message="can't connect", since=NOW, latest=NOW, tables=(NPS, "raw_data.channel"),
                   next_command="headgate check --connect")  # fmt: skip
    notice = told(shop, down)
    assert notice.title == "the warehouse can't be reached [WAREHOUSE-UNREACHABLE], 2 tables wait"
    assert notice.commands[0] == "headgate check --connect"
    assert notice.links[-1].url.endswith("/warehouse.md")


@pytest.mark.parametrize(
    ("kind", "changes", "line"),
    [
        (
            "recovered",
            {},
            "Over: raw_data.nps 2019-09 failed [CHECK-FAILED]. It took 10 min. Readers have it up to 2019-08. "
            "No promise was broken.",
        ),
        (
            "recovered",
            {"late_told": ("finance: fresh by 06:00",), "quiet_since": NOW - timedelta(minutes=3)},
            "Over: raw_data.nps 2019-09 failed [CHECK-FAILED]. It took 7 min. Readers have it up to 2019-08. "
            "Promise broken: finance: fresh by 06:00.",
        ),
        (
            "ended",
            {},
            "Over once more: raw_data.nps 2019-09 failed [CHECK-FAILED]. It took 10 min. Readers have it up to 2019-08. "
            "No promise was broken.",
        ),
        ("acknowledged", {"acknowledged_by": "minji"}, "minji works on it."),
        ("resolved", {"closed_by": "minji", "reason": "not needed"}, "Settled by minji: not needed."),
        ("late", {"late_told": ("finance: fresh by 06:00",)}, "Now late: finance: fresh by 06:00."),
    ],
)
def test_what_follows_in_the_thread_is_one_line(shop: Project, kind: Kind, changes: dict[str, Any], line: str) -> None:
    notice = told(shop, trouble(shop, Failing(record(), NOW - timedelta(minutes=10), 1)), kind, **changes)
    assert notice.line == line
    assert notice.resolves == (kind in ("recovered", "ended", "resolved"))


def test_one_that_is_back_says_that_an_answer_brings_word_of_its_end(shop: Project) -> None:
    notice = told(shop, trouble(shop, Failing(record(), NOW - timedelta(minutes=10), 1)), "again", again=1)
    assert notice.title.startswith("Again: ")
    assert notice.seen.endswith("; it had been called over. Answer to hear of its next end")


def test_lateness_is_told_without_a_code(shop: Project) -> None:
    late = Trouble(scope=NPS, code="LATE", domain="late", family="upstream", severity="critical", message="is late",
                   since=NOW, latest=NOW, tables=(NPS,))  # fmt: skip
    assert told(shop, late).title == "raw_data.nps is late"
    assert told(shop, late.model_copy(update={"foreseen": True})).title == "raw_data.nps will be late"


@pytest.mark.parametrize(
    ("contact", "who"), [("care@example.com", "customer care (care@example.com)"), (None, "customer care")]
)
def test_a_broken_promise_names_whom_to_tell(shop: Project, contact: str | None, who: str) -> None:
    promise = Promise("customer care", contact, NOW - timedelta(hours=1), "fresh by 08:00")
    standing = {NPS: Standing(NPS, NOW - timedelta(days=1), "2019-08", (promise,))}
    item = Trouble(scope=NPS, code="", domain="late", family="upstream", severity="major", message="late", since=NOW,
                   latest=NOW, tables=(NPS,))  # fmt: skip
    [line] = promised(item, Context(project=shop, now=NOW, standings=standing))
    assert who in line
    assert ("(care@" in line) == (contact is not None)
