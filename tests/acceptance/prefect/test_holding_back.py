"""Forms that take back and hold back: roll back, pause and resume, on a real Prefect server and worker."""

from __future__ import annotations

from typing import Any

WHO = {"by": "Ann", "reason": "it was agreed with the shop"}


def test_taken_back_held_back_and_let_go(site: Any) -> None:
    site.write(days=2)
    site.headgate("deploy")
    site.worker("one")
    site.headgate("run", "sales")
    table = site.table

    undone = site.ended(site.start("roll back/roll back a table", table=table, window="2020-08-11", **WHO))
    assert (undone["type"], undone["message"].endswith("summaries rebuilt: 1")) == ("COMPLETED", True), undone[
        "message"
    ]
    assert site.ask(f"SELECT DISTINCT day::text FROM {table}") == [("2020-08-10",)]

    paused = site.ended(site.start("pause/pause a table", table=table, until="2h", **WHO))
    assert paused["message"].startswith(f"{table} is paused until ")
    held = site.ended(site.start(f"load/{table}"))
    assert (held["type"], held["name"]) == ("COMPLETED", "On hold")
    resumed = site.ended(site.start("resume/resume a table", table=table, by="Ann"))
    assert (resumed["type"], resumed["message"]) == ("COMPLETED", f"{table} goes on")
    kept = site.ask(f"SELECT DISTINCT kind, decided_by FROM ops.decision WHERE target = '{table}'")
    assert {("pause", "Ann (by form)"), ("resume", "Ann (by form)")} <= set(kept)

    # A form's user isn't known to this server: what is left to people who are known is refused, whatever name is typed.
    declared = site.folder / "project" / "warehouse.yaml"
    declared.write_text("roles: {owners: ['machine:root', 'warehouse:loader']}\ndecisions: {pause: [owners]}\n")
    refused = site.ended(site.start("pause/pause a table", table=table, until="2h", **WHO))
    assert (refused["type"], "isn't for prefect:* to decide" in refused["message"]) == ("FAILED", True), refused[
        "message"
    ]
    declared.write_text("roles: {owners: ['prefect:*']}\ndecisions: {pause: [owners]}\n")
    allowed = site.ended(site.start("pause/pause a table", table=table, until="2h", **WHO))
    assert allowed["type"] == "COMPLETED", allowed["message"]
