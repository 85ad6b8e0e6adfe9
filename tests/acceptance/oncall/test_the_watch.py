"""The watch over a real warehouse: what it finds, and that it tells each thing once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_API_URL, temporary_settings

from expectations.record import Failure, RunRecord
from flows.cli.incident import incident
from flows.watch import watch_once
from tasks import report
from tasks.incidents.answers import acknowledge, named
from tasks.incidents.prefect_view import PrefectView, Run
from tasks.incidents.settle import answer
from tasks.warehouses import decisions, ops
from tasks.warehouses.decisions import Decision
from tests.acceptance.operations.conftest import forget_decisions

if TYPE_CHECKING:
    from tests.acceptance.oncall.conftest import Desk

WITH_PAGES = report.publish_report
PEOPLE = """\
timezone: UTC
people:
  ana: {name: Ana, email: ana@example.com}
  ben: {name: Ben, email: ben@example.com}
"""
BAD, GOOD = "id,amount\n1,5\n2,-6\n", "id,amount\n1,5\n2,6\n"


def failed(table: str, code: str = "CHECK-FAILED") -> RunRecord:
    now = datetime.now(UTC)
    failure = Failure(code=code, family="upstream", step="validate", message=f"{table} broke", who_must_act="owner")
    return RunRecord(run_id=f"{table.partition('.')[2]}-1", table=table, kind="ingest", mode="full_refresh", status="failed",
                     batch_key="source", label="source", started_at=now, finished_at=now, failure=failure)  # fmt: skip


def flow_run(table: str, state: str, minutes_ago: float, **changes: Any) -> Run:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    base: dict[str, Any] = {
        "subject": table, "flow_run_id": "11111111-1111-1111-1111-111111111111", "run_name": f"{table}, due", "state": state,
        "name": state.title(), "message": "", "expected": at, "started": None, "ended": None, "pool": "headgate",
    }  # fmt: skip
    if state != "SCHEDULED":
        base |= {"started": at, "ended": at}
    return Run(**{**base, **changes})


def test_a_storm_of_two_hundred_tables_is_one_message(desk: Desk) -> None:
    ops.prepare(desk.bench.warehouse, [])
    for n in range(200):
        ops.save_run(desk.bench.warehouse, failed(f"{desk.house.schema}.t{n:03}"))
    desk.watch()
    desk.watch(1)
    (body,) = desk.slack.bodies
    assert body["text"].endswith("200 tables failed [CHECK-FAILED]")
    assert len(desk.mail.messages) == 1


def test_the_warehouse_is_down_and_comes_back(desk: Desk) -> None:
    table = desk.table("orders")
    desk.load(table)
    desk.lose_the_warehouse()
    desk.watch()
    desk.watch(1)
    assert [item.trouble.scope for item in desk.open] == ["the warehouse"]
    # It may only be starting again.
    assert desk.slack.bodies == []
    desk.watch(3)
    assert len(desk.slack.bodies) == 1
    desk.find_the_warehouse()
    desk.watch(4)
    assert len(desk.slack.bodies) == 1
    desk.watch(40)
    assert [str(body["text"])[:26] for body in desk.slack.bodies[1:]] == [":large_green_circle: Over:"]
    kept = desk.house.place.ask("SELECT scope, code, state FROM ops.incident")
    assert kept == [("the warehouse", "WAREHOUSE-UNREACHABLE", "recovered")]


def test_a_table_that_fails_beside_a_warehouse_that_is_down_is_not_called_over(desk: Desk) -> None:
    table = desk.table("orders", BAD)
    desk.load(table)
    desk.lose_the_warehouse()
    desk.watch()
    assert sorted(item.trouble.scope for item in desk.open) == sorted([table, "the warehouse"])


def test_a_late_table_is_told_from_its_proofs(desk: Desk) -> None:
    table = desk.table("orders", more='sla: [{for: finance, fresh_by: "06:00"}]\n')
    desk.load(table)
    tomorrow = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=2)
    desk.watch(at=tomorrow - timedelta(minutes=1, days=1))
    assert desk.slack.bodies == []
    desk.watch(at=tomorrow)
    assert desk.slack.bodies[0]["text"].endswith(f"{table} is late")
    assert "finance" in str(desk.slack.bodies[0]["blocks"])


def test_killed_not_started_and_switched_off(desk: Desk) -> None:
    first, second, third = (desk.table(name) for name in ("one", "two", "three"))
    view = PrefectView(
        runs=(flow_run(first, "CRASHED", 5, message="no heartbeat for 90 s"), flow_run(second, "SCHEDULED", 5)),
        switched_off=(third,),
    )
    desk.watch(view=view)
    codes = {item.trouble.scope: item.trouble.code for item in desk.open}
    assert codes == {first: "RUN-CRASHED", "work pool headgate": "RUN-NOT-STARTED", third: "SCHEDULE-PAUSED"}
    desk.load(first)
    well = PrefectView(runs=(flow_run(first, "CRASHED", 5), flow_run(second, "COMPLETED", 0)))
    desk.watch(1, view=well)
    assert len(desk.slack.bodies) == 3
    desk.watch(40, view=well)
    assert desk.open == []
    assert len(desk.slack.bodies) == 6


def test_a_run_that_comes_back_by_itself_is_nobodys_trouble_yet(desk: Desk) -> None:
    table = desk.table("orders", BAD)
    desk.watch()
    desk.load(table)
    again = flow_run(table, "SCHEDULED", -3, name="Retrying")
    desk.watch(1, view=PrefectView(runs=(again,)))
    assert desk.slack.bodies == []
    desk.watch(5, view=PrefectView(runs=(flow_run(table, "FAILED", 0),)))
    assert [item.trouble.code for item in desk.open] == ["CHECK-FAILED"]


def test_a_paused_table_calls_nobody(desk: Desk) -> None:
    table = desk.table("orders", BAD)
    desk.watch()
    desk.load(table)
    now = datetime.now(UTC)
    pause = Decision(now, table, "pause", "", "ana", "the source is being moved", expires_at=now + timedelta(hours=4))
    decisions.decide(desk.bench.warehouse, pause)
    desk.watch(1)
    assert desk.slack.bodies == []
    desk.watch(241)
    assert len(desk.slack.bodies) == 1


def test_a_decision_that_was_changed_by_hand_is_an_incident_until_it_is_put_back(desk: Desk) -> None:
    ask, table = desk.house.place.ask, desk.table("orders")
    desk.load(table)
    forget_decisions(ask)
    desk.watch()
    pause = Decision(
        datetime.now(UTC), table, "pause", "", "ana", "moved", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    decisions.decide(desk.bench.warehouse, pause)
    desk.watch(1)
    assert desk.open == []
    ask("UPDATE ops.decision SET decided_by = 'ben' WHERE target = %s", (table,))
    desk.watch(2)
    (found,) = desk.open
    assert (found.trouble.code, found.trouble.severity, "by ben" in found.trouble.message) == (
        "DECISIONS-ALTERED", "critical", True
    )  # fmt: skip
    desk.watch(5)
    assert "what people decided was changed by hand [DECISIONS-ALTERED]" in str(desk.slack.bodies[-1])
    # A run that ends has not looked at decisions: it is no proof that all is well.
    desk.load(table)
    assert [item.trouble.code for item in desk.open] == ["DECISIONS-ALTERED"]
    ask("UPDATE ops.decision SET decided_by = 'ana' WHERE target = %s", (table,))
    desk.watch(6)
    desk.watch(40)
    assert desk.open == []
    forget_decisions(ask)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_at_night_only_what_pages_is_told(desk: Desk) -> None:
    """What fails in its quiet hours is told in the morning, and what is over by then never."""
    rota = desk.house.folder / "oncall.yaml"
    rota.write_text(rota.read_text() + 'quiet: [{tiers: [experimental], hours: "22:00-07:00"}]\n')
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    desk.watch()
    core, trial, passing = (desk.table(name, BAD) for name in ("core", "trial", "passing"))
    for table in (trial, passing):
        file = desk.house.folder / "tables" / f"{table.partition('.')[2]}.yaml"
        file.write_text(file.read_text().replace("tier: core", "tier: experimental"))
    desk.house.open()
    for number, table in enumerate((core, trial, passing)):
        desk.load(table)
        # Each with a code of its own: three that fail alike are one incident, as severe as the worst of them.
        desk.house.place.ask(
            "UPDATE ops.run_record SET body = replace(body, 'CHECK-FAILED', %s)"
            " WHERE run_id IN (SELECT run_id FROM ops.run WHERE target = %s)",
            (f"C-{number}", table),
        )
    desk.watch(at=midnight)
    assert ["core" in body["text"] for body in desk.slack.bodies] == [True]
    desk.house.source("passing.csv", GOOD)
    desk.load(passing)
    desk.watch(at=midnight + timedelta(hours=1))
    desk.watch(at=midnight + timedelta(hours=2))
    before = len(desk.slack.bodies)
    desk.watch(at=midnight + timedelta(hours=7))
    told = [str(body["text"]) for body in desk.slack.bodies[before:]]
    assert [text for text in told if "trial failed" in text] != []
    assert [text for text in told if "passing" in text] == []


def test_warnings_go_to_their_owner_once_a_day(desk: Desk) -> None:
    desk.load(desk.table("orders", BAD, severity="warning"))
    loaded = datetime.now(UTC)
    # The first nine o'clock after it, which is today's before nine.
    nine = loaded.replace(hour=9, minute=0, second=0, microsecond=0)
    morning = nine + timedelta(days=loaded >= nine, minutes=1)
    for minute in (0, 1, 60):
        desk.watch(at=morning + timedelta(minutes=minute))
    digests = [m for m, to in zip(desk.mail.messages, desk.mail.recipients, strict=True) if to == ["owner@example.com"]]
    assert len(digests) == 1
    assert "AMOUNT" in digests[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_friday_and_handover_are_told_once(desk: Desk) -> None:
    (desk.house.folder / "oncall.yaml").write_text(PEOPLE + "starts: 2026-01-05\nrotation: [ana, ben]\n")
    friday = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
    for hours in (-1, 0, 1, 24, 56.9, 57, 58):
        desk.watch(at=friday + timedelta(hours=hours))
    subjects = [str(m["Subject"]) for m in desk.mail.messages]
    assert [text for text in subjects if "You are on call" in text] == [
        "[headgate] You are on call from Mon 2026-11-30 00:00 (UTC) (minor)"
    ]
    assert [text for text in subjects if "On call this week" in text] == [
        "[headgate] On call this week: Ben (minor)"
    ] * 1


def test_answers_are_kept_for_everybody_and_told_in_the_thread(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    table = desk.table("orders", BAD)
    desk.load(table)
    monkeypatch.setattr("flows.cli.incident._bench", lambda: desk.bench)
    told = CliRunner().invoke(incident, ["ack", "orders", "--by", "ana"], catch_exceptions=False)
    assert "acknowledged, ana" in told.output
    assert desk.slack.bodies[-1]["text"].endswith("ana works on it.")
    CliRunner().invoke(incident, ["resolve", desk.open[0].incident_id, "--by", "ana"], catch_exceptions=False)
    assert "No incident is open." in CliRunner().invoke(incident, ["list"], catch_exceptions=False).output
    desk.watch(5)
    assert len(desk.slack.bodies) == 3


def test_an_answer_that_is_given_twice_is_told_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.load(desk.table("orders", BAD))
    monkeypatch.setattr("flows.cli.incident._bench", lambda: desk.bench)

    def said(*words: str) -> dict[str, Any]:
        told = CliRunner().invoke(incident, [*words, "--json"], catch_exceptions=False)
        return dict(json.loads(told.output)[0])

    quiet = ("silence", "orders", "--by", "ana", "--reason", "moved", "--until", "2999-12-31")
    for words in (("ack", "orders", "--by", "ana"), quiet):
        before = len(desk.slack.bodies)
        assert [said(*words)["already"] for _ in range(2)] == [False, True]
        assert len(desk.slack.bodies) == before + 1
        again = CliRunner().invoke(incident, list(words), catch_exceptions=False)
        assert "ana has said so already; nothing was changed" in again.output
    # Another person, reason or moment is another word.
    assert not said(*quiet, "--until", "2998-12-31")["already"]
    assert not said("ack", "orders", "--by", "bo")["already"]
    about = (desk.open[0].incident_id,)
    found = desk.house.place.ask("SELECT kind FROM ops.decision WHERE what = %s ORDER BY sequence", about)
    assert [kind for (kind,) in found] == ["acknowledge", "silence", "silence", "acknowledge"]


def test_the_page_of_a_table_says_who_has_its_incident(
    desk: Desk, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written when the run ended: the incident was opened after that, and answered later still."""
    monkeypatch.setattr(report, "publish_report", WITH_PAGES)
    table = desk.table("orders", "id,amount\n1,5\n2,-6\n")
    page = desk.bench.settings.state / "report" / "tables" / table / "index.html"
    shown = lambda: " ".join(re.sub(r"<[^>]+>", " ", page.read_text().replace("<wbr>", "")).split())  # noqa: E731
    now = datetime.now(UTC)
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        watch_once(desk.bench, now)
        assert desk.load(table) == "CHECK-FAILED"
        assert "Open incidents none" in shown()
        watch_once(desk.bench, now + timedelta(minutes=1))
        (incident,) = [item for item in desk.open if item.trouble.scope == table]
        assert f"{incident.incident_id} (CHECK-FAILED)" in shown()
        assert "nobody has answered for" in shown()
        answered = lambda known: named(known, [table])  # noqa: E731
        answer(desk.bench, answered, acknowledge, "minji", now + timedelta(minutes=2))
        watch_once(desk.bench, now + timedelta(minutes=3))
        assert "minji works on it since" in shown()
        desk.house.source("orders.csv", "id,amount\n1,5\n2,6\n")
        desk.load(table)
        watch_once(desk.bench, now + timedelta(minutes=4))
        assert "Open incidents none" in shown()
