"""The hand-over as a page: written when a week on call begins, from what the warehouse knows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.deciding import named
from tasks.handover_page import FRESH, KEPT, SPAN, hand_over
from tasks.incidents.rota_notices import handover_page
from tasks.incidents.watching import watch_pass
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
tier: core
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-03}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: append}
sla: [{for: finance, max_age: 30d}]
"""


@pytest.fixture
def desk(house: Any, new_database: Callable[[], str]) -> Any:
    """A warehouse of its own, and a rota whose week has begun an hour ago: Ben takes over from Ana."""
    house.place.settings = replace(house.place.settings, warehouse_url=new_database())
    begun = datetime.now(UTC) - timedelta(hours=1)
    (house.folder / "oncall.yaml").write_text(
        "timezone: UTC\npeople:\n  ana: {name: Ana, email: ana@example.com}\n  ben: {name: Ben, email: ben@example.com}\n"
        f'handover: "{begun:%A} {begun:%H:00}"\nstarts: {begun - timedelta(days=7):%Y-%m-%d}\nrotation: [ana, ben]\n'
        'quiet: [{hours: "22:00-07:00"}]\n'
    )
    return house


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_page_says_what_is_open_what_is_wrong_and_what_was_decided(desk: Any, pages: None, command: Any) -> None:
    table = desk.declare("orders", TABLE)
    for day in (1, 2):
        desk.source(f"orders-{day:02}.csv", f"id\n{day}\n")
    assert command("run", table).code == 0
    assert command("rollback", table, "--window", "2026-01-02", "--reason", "wrong day", "--by", "maria").code == 0
    assert command("pause", "--all", "--until", "1h", "--reason", "resize", "--by", "ben").code == 0
    assert command("resume", "--all", "--by", "ben").code == 0
    desk.source("orders-02.csv", "no\n1\n")
    assert command("run", table).code == 1
    now = datetime.now(UTC)
    watch_pass(workbench(), None, now)
    key = hand_over(workbench(), now)
    assert key is not None
    report = Path(desk.folder / "state" / "report")
    page = (report / key).read_text(encoding="utf-8").replace("<wbr>", "")
    text = " ".join(html.unescape(re.sub(r"<(style|script|head).*?</\1>|<[^>]+>", " ", page, flags=re.S)).split())
    for said in ("On call: Ben takes over from Ana", "1 incident is open", f"{table} 2026-01-02 failed [HEADER]",
                 "nobody has answered",
                 f"undone 2026-01-02 {named('maria')} wrong day", f"Not published {table}",
                 f"all tables paused pause {named('ben')} resize",
                 "Notices about experimental tables wait through every day 22:00-07:00; what pages never does."):  # fmt: skip
        assert said in text, said
    assert f'<a href="{key}">' in (report / "index.html").read_text(encoding="utf-8")
    [told] = re.findall(r"headgate incident ack \w+", text)
    assert command(*told.split()[1:]).code == 0
    for address in re.findall(r'href="([^":#]+)"', page):
        assert (report / "handover" / address).resolve().is_file(), address
    assert hand_over(workbench(), now + FRESH / 2) is None, "an hour's page is fresh"
    assert hand_over(workbench(), now + 2 * FRESH) == key
    twin = json.loads((report / key.replace(".html", ".json")).read_text())
    assert (twin["open"][0]["acknowledged_by"] != "", twin["not_good"][0]["table"]) == (True, table)
    assert 0 <= twin["open"][0]["answered_after"] < 3600
    assert "works on it, and answered after" in (report / key).read_text(encoding="utf-8")
    assert hand_over(workbench(), now + SPAN) is None, "the week is under way"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_old_weeks_go_and_a_warehouse_that_is_down_costs_the_page_only(desk: Any) -> None:
    desk.declare("orders", TABLE)
    folder = desk.folder / "state" / "report" / "handover"
    folder.mkdir(parents=True)
    for week in range(KEPT):
        for ending in ("html", "json"):
            (folder / f"2020-01-{week + 1:02}.{ending}").write_text("{}")
    now = datetime.now(UTC)
    key = hand_over(workbench(), now)
    assert key == handover_page(datetime.fromisoformat(str(key)[9:19]).replace(tzinfo=UTC))
    assert len(list(folder.iterdir())) == 2 * KEPT
    assert not (folder / "2020-01-01.html").exists()
    desk.place.settings = replace(desk.place.settings, warehouse_url="postgresql://nobody@127.0.0.1:1/none")
    desk.open()
    assert hand_over(workbench(), now + 2 * FRESH) is None
