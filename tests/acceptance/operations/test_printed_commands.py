"""Every command that a page, `show`, `drift explain` or a notice prints is typed as it is printed, in the state that prints it.

A month of batches with planted troubles is loaded once and written to pages by the real code. Each printed command is then
typed against a copy of that state, and has to do what the sentence beside it says. A command that can't work isn't printed.
"""

from __future__ import annotations

import html
import random
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from deployments.errors import HeadgateError
from deployments.next_commands import anew, written
from tasks.incidents import store
from tasks.incidents.watching import watch_pass
from tasks.notices.next_steps import next_steps
from tasks.warehouses import session
from tasks.workbench import workbench

pytestmark = [pytest.mark.parametrize("place", ["postgresql"], indirect=True), pytest.mark.trial]
HEAD = "description: Rows.\nowner: a@example.com\n"
COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: amount, type: integer, nullable: false}
"""
DAILY = HEAD + 'source: {kind: csv, url: "file://{folder}/%s-{window.start:%%d}.csv"}\n' + COLUMNS
WINDOW = "window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-14}\n"
DECLARED = {
    "sales": DAILY % "sales" + WINDOW + "load: {mode: replace_window, window_column: at, tolerance: 5%}\n",
    "stopped": DAILY % "stopped" + WINDOW + "load: {mode: append}\n",
    "merged": DAILY % "merged" + WINDOW + "key: [id]\nload: {mode: merge}\n",
    "whole": HEAD
    + 'source: {kind: csv, url: "file://{folder}/whole.csv"}\n'
    + COLUMNS
    + "load: {mode: full_refresh}\n",
}
RULES = """
table: {schema}.%s
expectations:
  - {code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, rows: quarantine, tolerance: 5%%}
  - {code: MOST, type: expect_column_max_to_be_between, kwargs: {column: amount, max_value: 100000}, severity: critical}
  - {code: COUNT, type: expect_table_row_count_to_be_between, kwargs: {min_value: 55}, severity: warning}
drift: {policy: %s}
"""  # noqa: E501
SUMMARY = """/*
target: {schema}.total
description: Sums.
owner: b@example.com
inputs: [{table: {schema}.whole}]
expectations: [{code: TOTAL, type: expect_column_max_to_be_between, kwargs: {column: n, max_value: 70}, severity: %s}]
*/
SELECT count(*) AS n FROM {schema}.whole
"""
ROWS = 60


def rows(day: int, *, count: int = ROWS, times: int = 1, bad: int = 0, most: int = 0) -> str:
    """A day's file: amounts around 100, `times` as large; `bad` of them negative, one as large as `most`."""
    dice = random.Random(day)
    amounts = [dice.randint(50, 150) * times for _ in range(count)]
    amounts[:bad] = [-5] * bad
    amounts[-1] = most or amounts[-1]
    lines = [f"{day * 1000 + n},2026-01-{day:02} 10:00:00,{amount}" for n, amount in enumerate(amounts)]
    return "id,at,amount\n" + "\n".join(lines) + "\n"


DAYS = {"sales": 13, "stopped": 8, "merged": 3}
TROUBLES: dict[tuple[str, int], dict[str, int]] = {
    ("sales", 6): {"bad": 1}, ("sales", 7): {"bad": 2}, ("sales", 9): {"times": 100}, ("sales", 10): {"most": 900_000},
    ("sales", 11): {"bad": 20}, ("sales", 13): {"count": 50}, ("stopped", 8): {"times": 100}, ("merged", 2): {"count": 40},
    ("merged", 3): {"count": 40},
}  # fmt: skip
HEADER_GONE = "sales-12.csv"


@pytest.fixture
def month(house: Any, pages: None, command: Callable[..., Any], new_database: Callable[[], str]) -> Iterator[Any]:
    """The month, loaded; yields a function that goes back to how it was when its pages were written."""
    house.place.settings = replace(house.place.settings, warehouse_url=new_database())
    for name, text in DECLARED.items():
        house.declare(name, text, RULES % (name, "stop" if name == "stopped" else "warn"))
    (house.folder / "summaries").mkdir()
    (house.folder / "summaries" / "total.sql").write_text((SUMMARY % "critical").replace("{schema}", house.schema))
    for name, days in DAYS.items():
        for day in range(1, days + 1):
            text = rows(day, **TROUBLES.get((name, day), {}))
            house.source(f"{name}-{day:02}.csv", text)
            if f"{name}-{day:02}.csv" == HEADER_GONE:
                house.source(HEADER_GONE, "no,header\n1,2\n")
            with suppress(HeadgateError):
                house.load(f"{house.schema}.{name}", f"2026-01-{day:02}")
    for count in (60, 65, 50, 80):
        # The last load makes the summary fail; the one before warns.
        house.source("whole.csv", rows(1, count=count))
        command("run", f"{house.schema}.whole")
    watch_pass(workbench(), None, datetime.now(UTC))
    with closing(_Copies(house)) as copies:
        yield copies


class _Copies:
    """The warehouse and the state folder as they were when this was made, as often as they are wanted."""

    def __init__(self, house: Any) -> None:
        self._url = str(house.place.settings.warehouse_url)
        self._name = urlsplit(self._url).path.strip("/")
        self._state = house.folder / "state"
        self._kept = house.folder / "state-kept"
        shutil.copytree(self._state, self._kept)
        _hang_up()
        self._do(f"CREATE DATABASE {self._name}_kept TEMPLATE {self._name}")

    def back(self) -> None:
        shutil.rmtree(self._state)
        shutil.copytree(self._kept, self._state)
        _hang_up()
        self._do(f"DROP DATABASE {self._name} WITH (FORCE)")
        self._do(f"CREATE DATABASE {self._name} TEMPLATE {self._name}_kept")

    def close(self) -> None:
        self._do(f"DROP DATABASE {self._name}_kept WITH (FORCE)")

    def _do(self, statement: str) -> None:
        with closing(psycopg2.connect(urlsplit(self._url)._replace(path="/postgres").geturl())) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


def _hang_up() -> None:
    """Close the connections that are kept for the next caller: nobody may be in a database that is copied."""
    for kept in session._idle.values():
        while kept:
            kept.pop()[0].close()


def on_pages(state: Path) -> dict[str, str]:
    """Command to the page that prints it."""
    found = {}
    for page in sorted((state / "report").rglob("*.html")):
        for code in re.findall(r'<div class="command"><code>(.*?)</code>', page.read_text(encoding="utf-8"), re.S):
            found[" ".join(html.unescape(re.sub(r"<[^>]+>", "", code)).split())] = page.relative_to(state).as_posix()
    return found


def on_terminals(house: Any, command: Callable[..., Any]) -> dict[str, str]:
    """What `show` and `drift explain` print of every run that has something to do."""
    found = {}
    for run, alerts in house.place.ask(
        "SELECT r.run_id, (SELECT count(*) FROM ops.alert a WHERE a.run_id = r.run_id) FROM ops.run r "
        "WHERE r.status IN ('failed', 'warned')"
    ):
        for line in command("show", run).out.splitlines():
            if line.strip().startswith("next:"):
                found |= dict.fromkeys([text for text, _ in written(line.partition("next:")[2].strip())], f"show {run}")
        if alerts:
            for line in command("drift", "explain", run).out.splitlines():
                if "headgate " in line:
                    found["headgate " + line.partition("headgate ")[2].strip()] = f"drift explain {run}"
    return found


def in_notices() -> dict[str, str]:
    incidents = store.incidents(workbench(), datetime.now(UTC))
    assert len(incidents) >= 4
    found = {}
    for incident in incidents:
        for line in next_steps(incident, lambda key: key):
            found[line.partition("   #")[0]] = f"notice of {incident.trouble.scope} {incident.trouble.code}"
    return found


def test_each_is_typed_and_does_what_is_said(house: Any, month: Any, command: Callable[..., Any]) -> None:
    """One test for all: the month is made once, and what fails is listed together."""
    told = on_pages(house.folder / "state") | on_terminals(house, command) | in_notices()
    told = {text: where for text, where in told.items() if text.startswith("headgate ")}
    verbs = {" ".join(shlex.split(text)[1:3]) if shlex.split(text)[1] in ("drift", "quarantine") else shlex.split(text)[1]
             for text in told}  # fmt: skip
    assert verbs >= {"drift accept", "drift explain", "rollback", "quarantine show", "quarantine replay", "quarantine discard",
                     "publish", "retry", "run", "show", "incident"}  # fmt: skip
    assert [text for text in told if re.match(r"headgate rollback \S+$", text)] == []
    wrong = []
    # Those that only look come first: they leave everything as it is.
    for text, where in sorted(
        told.items(), key=lambda item: not item[0].startswith(tuple(f"headgate {v}" for v in LOOKING))
    ):
        why = typed(text, house, month, command)
        if why:
            wrong.append(f"{text}   ({where}): {why}")
    assert not wrong, f"{len(wrong)} of {len(told)}:\n" + "\n".join(wrong)


def typed(text: str, house: Any, month: Any, command: Callable[..., Any]) -> str:
    """What is wrong with typing it; '' for nothing."""
    words = [word.replace("...", "of a test") for word in shlex.split(text)[1:]]
    verb = words[0] if words[0] not in ("drift", "quarantine", "incident") else f"{words[0]} {words[1]}"
    if verb not in LOOKING:
        month.back()
    if verb in ("run", "retry"):
        # What is beside these says: once the source is mended.
        mend(house)
    begin_anew(text, house, command)
    done = command(*words)
    if done.error is not None:
        return f"{done.error.code}: {done.error.message}"
    if done.code not in ((0, 3) if verb in ("run", "retry", "publish", "quarantine replay") else (0,)):
        return f"exit {done.code}: {done.out[-400:]}"
    return EFFECTS[verb](words, house, done) if verb in EFFECTS else ""


def mend(house: Any) -> None:
    for name, days in DAYS.items():
        for day in range(1, days + 1):
            if (name, day) in TROUBLES or f"{name}-{day:02}.csv" == HEADER_GONE:
                house.source(f"{name}-{day:02}.csv", rows(day))
    summary = house.folder / "summaries" / "total.sql"
    summary.write_text(summary.read_text().replace("max_value: 70", "max_value: 700"))
    house.source("whole.csv", rows(1))


def begin_anew(text: str, house: Any, command: Callable[..., Any]) -> None:
    """The steps that stand before this one, where it is one of those by which appended rows are loaded anew."""
    table = f"{house.schema}.stopped"
    steps = [step for step, _ in written(anew(house.schema, "stopped"))]
    if text not in steps[1:]:
        return
    for day in range(DAYS["stopped"] + 1, max(DAYS.values()) + 1):
        house.source(f"stopped-{day:02}.csv", rows(day))
    house.place.ask(steps[0].partition("   (")[0])
    if text == steps[-1]:
        assert command("repair", table, "--lost").code == 0


def batch_of(house: Any, run: str) -> tuple[str, str]:
    [found] = house.place.ask("SELECT target, batch_key FROM ops.run WHERE run_id = %s", (run,))
    return found


def stands(house: Any, target: str, batch_key: str | None = None) -> list[str]:
    """Kinds of the publishes of a batch that stand, in their order; a summary that is built as a whole has one each time."""
    found = house.place.ask(
        "SELECT kind FROM ops.ledger WHERE target = %s AND undone_by IS NULL AND kind <> 'rollback' "
        "AND (%s IS NULL OR batch_key = %s) ORDER BY sequence",
        (target, batch_key, batch_key),
    )
    return [kind for (kind,) in found]


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words else ""


def key_of(words: list[str]) -> str | None:
    day = option(words, "--window")
    return f"{day}T00:00:00Z/{datetime.fromisoformat(day).day + 1:02}" if day else None


def was_loaded(words: list[str], house: Any, done: Any) -> str:
    if words[0] == "retry":
        target, key = batch_of(house, words[1])
        if target.endswith(".total"):
            return "" if house.rows(target) == [(60,)] or stands(house, target) else "not built"
        return "" if stands(house, target, key) else f"{target} {key} isn't published: {done.out[-300:]}"
    day = option(words, "--window")
    if "--until" in words:
        return "" if "judge" in done.out and not stands(house, words[1], key_of(words)) else "published"
    if not day:
        return "" if stands(house, words[1]) else "nothing stands"
    found = house.place.ask(
        "SELECT count(*) FROM ops.ledger WHERE target = %s AND undone_by IS NULL AND batch_key LIKE %s",
        (words[1], f"{day}T%"),
    )
    return "" if found[0][0] else f"{day} isn't published"


def was_undone(words: list[str], house: Any, done: Any) -> str:
    day = option(words, "--window")
    found = house.place.ask("SELECT batch_key FROM ops.ledger WHERE target = %s AND undone_by IS NOT NULL", (words[1],))
    keys = [key for (key,) in found]
    if len(keys) != 1 or (day and not keys[0].startswith(day)):
        return f"undone: {keys}"
    return "" if not day or day in done.out else "doesn't say the window"


def was_accepted(words: list[str], house: Any, done: Any) -> str:
    found = house.place.ask(
        "SELECT column_name, kind FROM ops.decision WHERE run_id = %s AND kind = 'accept-drift'", (words[2],)
    )
    return "" if found else "no decision"


def was_overridden(words: list[str], house: Any, done: Any) -> str:
    kinds = stands(house, *batch_of(house, words[1]))
    return "" if kinds[-1:] == ["override"] else f"stands: {kinds}"


def were_shown(words: list[str], house: Any, done: Any) -> str:
    lines, day = done.out.splitlines(), option(words, "--window")
    if "--csv" in words:
        lines = lines[1:]
    return "" if lines and all(line.startswith(day) for line in lines) else f"shown: {lines}"


def were_discarded(words: list[str], house: Any, done: Any) -> str:
    return "" if re.search(r"\d rows? with \S+ discarded", done.out) else done.out


def was_told(words: list[str], house: Any, done: Any) -> str:
    run = words[-1]
    label = house.place.ask("SELECT label FROM ops.run WHERE run_id = %s", (run,))[0][0]
    return "" if run in done.out or label in done.out else "another run"


LOOKING = ("show", "drift explain", "quarantine show", "plan")
EFFECTS: dict[str, Callable[[list[str], Any, Any], str]] = {
    "run": was_loaded, "retry": was_loaded, "rollback": was_undone, "drift accept": was_accepted, "publish": was_overridden,
    "quarantine show": were_shown, "quarantine discard": were_discarded, "show": was_told, "drift explain": was_told,
}  # fmt: skip
