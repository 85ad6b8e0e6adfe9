"""Resources of dlt, loaded like any source: their state is committed with the rows, wherever the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import DeclarationError, HeadgateError, RetryableError
from flows.reconciling import Asked, windows_of
from flows.taking_back import roll_back
from tasks import switches
from tasks.workbench import workbench
from tests.tasks.sources.paged_api import Asked as Request
from tests.tasks.sources.paged_api import PagedApi, Said

TOKEN = "t0ken-of-theirs"
TABLE = """
description: One row per issue.
owner: a@example.com
source:
  kind: dlt
  resource: {folder.name}_tracker:issues
  arguments: {{base: "{base}"}}
  secrets: {{token: tracker}}
  fields: {{mail: by.mail}}
columns:
  - {{name: id, type: bigint, nullable: false}}
  - {{name: amount, type: "decimal(30,10)"}}
  - {{name: mail, type: varchar(100)}}
  - {{name: tags, type: varchar(100)}}
  - {{name: updated_at, type: timestamptz, nullable: false}}
key: [id]
load: {{mode: MODE}}
"""
TRACKER = """
import dlt
from dlt.sources.helpers import requests

@dlt.resource
def issues(
    base, token: str = dlt.secrets.value, updated=dlt.sources.incremental("updated_at", initial_value="2026-01-01T00:00:00Z")
):
    page = 1
    while True:
        said = requests.get(f"{base}/issues", params={"since": updated.start_value, "page": page},
                            headers={"Authorization": f"Bearer {token}"})
        said.raise_for_status()
        yield said.json()["data"]
        if not said.json()["more"]:
            return
        page += 1
"""
REST_API = """
  resource: rest_api
  arguments:
    client: {{base_url: "{base}", auth: {{type: bearer}}}}
    resources:
      - name: other
        endpoint: {{path: other}}
      - name: issues
        endpoint:
          path: issues
          data_selector: data
          paginator: {{type: page_number, base_page: 1, total_path: null}}
          incremental: {{start_param: since, cursor_path: updated_at, initial_value: "2026-01-01T00:00:00Z"}}
  name: issues
  secrets: {{client.auth.token: tracker}}
"""
POINTS = ["extract-part", "copied", "judged", "publish-begun", "proof-locked", "quarantine-written", "before-commit",
          "after-commit", ""]  # fmt: skip


class Tracker(PagedApi):
    """Issues of a tracker, 40 a page, from a moment on, for who has the token."""

    def __init__(self) -> None:
        super().__init__(self.issues)
        self.rows: list[dict[str, Any]] = []
        self.came = 0

    def add(self, count: int) -> None:
        """So many issues come, later than those that are there."""
        for _ in range(count):
            n = self.came
            at = f"2026-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z"
            self.rows.append(
                {"id": n, "amount": f"{n}.10", "by": {"mail": f"p{n}@example.com"}, "tags": ["ü", n], "updated_at": at}
            )
            self.came += 1

    def issues(self, asked: Request) -> Said:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Said({"error": "who are you?"}, 401)
        found = [row for row in self.rows if row["updated_at"] >= asked.query.get("since", "")]
        page = int(asked.query.get("page", 1))
        return Said({"data": found[(page - 1) * 40 : page * 40], "more": page * 40 < len(found)})


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    made = Tracker()
    made.add(100)
    yield made
    made.close()


@pytest.fixture
def team(house: Any, tracker: Tracker) -> Any:
    """A project with a resource of its own; its module has a name that no other test's has."""
    (house.folder / f"{house.schema}_tracker.py").write_text(TRACKER)
    connection = {"tracker": tracker.with_login(f":{TOKEN}")}
    house.place.settings = replace(house.place.settings, connections=connection)
    return house


def declared(house: Any, tracker: Tracker, mode: str, *edits: tuple[str, str]) -> str:
    text = TABLE.replace("MODE", mode)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    text = text.replace("{folder.name}", house.schema).replace("{base}", tracker.base)
    return str(house.declare("issues", text.replace("{{", "{").replace("}}", "}")))


def load(house: Any, table: str, *, at: str = "") -> int:
    """A process of its own loads it and dies at a point; 0, or minus the signal it died by."""
    child = os.fork()
    if child == 0:
        try:
            house.open()
            if at:
                switches.at_points(switches.killer(at))
            house.load(table)
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def ids(house: Any, table: str) -> list[int]:
    return [number for (number,) in house.rows(table, "id")]


@pytest.mark.effect(
    "DltSource.kind", "DltSource.resource", "DltSource.arguments", "DltSource.secrets", "DltSource.fields"
)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_what_is_new_and_nothing_twice(team: Any, tracker: Tracker, mode: str) -> None:
    table = declared(team, tracker, mode)
    assert team.load(table).accounting == "extracted 100 = published 100 + quarantined 0 + superseded 0"
    first = [(*row[:1], str(row[1]), *row[2:]) for row in team.rows(table, "id, amount, mail, tags")[:2]]
    assert first == [
        (0, "0.1000000000", "p0@example.com", '["ü",0]'), (1, "1.1000000000", "p1@example.com", '["ü",1]'),
    ]  # fmt: skip
    assert team.load(table).status == "unchanged"
    tracker.add(7)
    assert team.load(table).accounting == "extracted 7 = published 7 + quarantined 0 + superseded 0"
    assert tracker.asked[-1].query["since"] == "2026-01-01T00:01:39Z"
    assert ids(team, table) == list(range(107))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_killed_anywhere_neither_loses_nor_doubles(team: Any, tracker: Tracker, mode: str) -> None:
    table = declared(team, tracker, mode)
    assert load(team, table) == 0
    expected = 100
    for at in POINTS:
        tracker.add(5)
        expected += 5
        assert load(team, table, at=at) == (-signal.SIGKILL if at else 0), f"{at} was not passed"
        assert ids(team, table) in (list(range(expected - 5)), list(range(expected))), at
        assert load(team, table) == 0
        assert ids(team, table) == list(range(expected)), at
    assert sum(row[3] for row in team.proofs(table)) == expected


def test_a_rollback_brings_the_state_before_back(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "append")
    team.load(table)
    tracker.add(5)
    wrong = team.load(table)
    assert wrong.counts["published"] == 5
    roll_back(workbench(), table, window=None, to=None, by="maria", reason="wrong")
    assert ids(team, table) == list(range(100))
    # The same again is held until the source has other rows, which begin where the publish before had ended.
    assert team.load(table).status == "held"
    tracker.add(1)
    assert team.load(table).counts["published"] == 6
    assert ids(team, table) == list(range(106))


def test_a_publish_that_came_between_is_no_double(team: Any, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that read its source before somebody took back what it had begun with isn't published."""
    table = declared(team, tracker, "append")
    team.load(table)
    tracker.add(5)
    team.load(table)
    tracker.add(5)
    real = switches.reached

    def between(point: str) -> None:
        if point == "judged":
            monkeypatch.setattr("tasks.judge.reached", real)
            roll_back(workbench(), table, window=None, to=None, by="maria", reason="wrong")

    monkeypatch.setattr("tasks.judge.reached", between)
    with pytest.raises(RetryableError) as raised:
        team.load(table)
    assert raised.value.code == "STATE-MOVED"
    assert ids(team, table) == list(range(100))
    assert team.load(table).counts["published"] == 10
    assert ids(team, table) == list(range(110))


def test_append_is_never_loaded_anew_and_merge_is(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "append")
    team.load(table)
    with pytest.raises(DeclarationError) as raised:
        team.load(table, reprocess=True)
    assert raised.value.code == "APPEND-AGAIN"
    table = declared(team, tracker, "merge")
    assert team.load(table, reprocess=True).counts["unchanged"] == 100
    with pytest.raises(DeclarationError) as compared:
        windows_of(workbench(), workbench().project.table(table), Asked(table), None)  # type: ignore[arg-type]
    assert compared.value.code == "NOT-COMPARABLE"


def test_a_full_refresh_has_all_of_it_each_time(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "full_refresh")
    team.load(table)
    assert team.load(table).status == "unchanged"
    del tracker.rows[:10]
    assert team.load(table).counts["published"] == 90
    assert ids(team, table) == list(range(10, 100))


@pytest.mark.effect("DltSource.name")
def test_the_rest_api_of_dlt_itself(team: Any, tracker: Tracker) -> None:
    old = TABLE[TABLE.index("  resource:") : TABLE.index("  fields:")]
    table = declared(team, tracker, "merge", (old, REST_API.lstrip("\n")))
    assert team.load(table).counts["published"] == 100
    tracker.add(3)
    assert team.load(table).counts["extracted"] == 3
    with pytest.raises(DeclarationError, match=r"source\.name says which: other, issues"):
        team.load(declared(team, tracker, "merge", (old, REST_API.lstrip("\n").replace("  name: issues\n", ""))))


@pytest.mark.effect(
    "DltSource.timezone", "DltSource.on_missing", "DltSource.on_missing=empty", "DltSource.on_missing=fail"
)
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_windows_by_arguments(team: Any, tracker: Tracker) -> None:
    (team.folder / f"{team.schema}_days.py").write_text(
        textwrap.dedent("""
        def rows(since, until):
            yield from ([] if since.startswith("2026-01-03") else [{"id": 1, "at": since}, {"id": 2, "at": until}])
        """)
    )
    table = team.declare(
        "days",
        f"""
description: d
owner: a@example.com
source:
  kind: dlt
  resource: {team.schema}_days:rows
  arguments: {{since: "{{window.start}}", until: "{{window.last:%Y-%m-%dT%H:%M:%S%z}}"}}
  timezone: Asia/Seoul
  on_missing: empty
window: {{every: day, timezone: UTC, start: 2026-01-01}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamptz, nullable: false}}
load: {{mode: replace_window, window_column: at}}
""",
    )
    team.load(table, "2026-01-01")
    assert team.load(table, "2026-01-02").counts["published"] == 2
    assert team.load(table, "2026-01-02", reprocess=True).counts["published"] == 2
    assert team.load(table, "2026-01-03").counts["published"] == 0
    file = team.folder / "tables" / "days.yaml"
    file.write_text(file.read_text().replace("on_missing: empty", "on_missing: fail"))
    team.open()
    with pytest.raises(HeadgateError) as raised:
        team.load(table, "2026-01-03", reprocess=True)
    assert raised.value.code == "EMPTY-ANSWER"
    at = team.rows(table, "to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS')", "at")
    assert at == [("01-01 00:00:00",), ("01-01 23:59:59",), ("01-02 00:00:00",), ("01-02 23:59:59",)]


@pytest.mark.effect("DltSource.expand")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_every_value_as_it_was_and_lists_as_rows(team: Any) -> None:
    """Numbers exactly, moments, bytes in hex; what has no spelling, and a list that is none, are set aside."""
    (team.folder / f"{team.schema}_kinds.py").write_text(
        textwrap.dedent("""
        import dlt, datetime, decimal, uuid

        @dlt.source
        def kinds():
            @dlt.resource
            def orders():
                line = {"n": decimal.Decimal("12345678901234567890.1234567890"), "f": 0.1, "big": 2**62,
                        "at": datetime.datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=datetime.timezone.utc),
                        "raw": b"\\x00\\xff", "deep": {"x": [None, True, decimal.Decimal("1.10"), float("inf")]}}
                good = {**line, "deep": {"x": [None, True, decimal.Decimal("1.10")], "u": uuid.UUID(int=1)}}
                yield {"order": 1, "lines": [good, good]}
                yield [{"order": 2, "lines": [line]}, {"order": 3, "lines": [{**good, "raw": object()}]}]
                yield {"order": 4, "lines": 7}
            return orders
        """)
    )
    table = team.declare(
        "kinds",
        f"""
description: d
owner: a@example.com
source: {{kind: dlt, resource: "{team.schema}_kinds:kinds", expand: {{list: lines, keep: {{order_id: order}}}}}}
columns:
  - {{name: order_id, type: integer, nullable: false}}
  - {{name: n, type: "decimal(30,10)"}}
  - {{name: f, type: double precision}}
  - {{name: big, type: bigint}}
  - {{name: at, type: timestamptz}}
  - {{name: raw, type: varchar(10)}}
  - {{name: deep, type: varchar(200)}}
load: {{mode: full_refresh, tolerance: 90%}}
""",
    )
    assert team.load(table).accounting == "extracted 5 = published 2 + quarantined 3 + superseded 0"
    assert team.rows(table, "order_id, n::text, f, big, to_char(at AT TIME ZONE 'UTC', 'HH24:MI:SS.US'), raw, deep") == [
        (1, "12345678901234567890.1234567890", 0.1, 2**62, "01:02:03.456789", "00ff",
         '{"x":[null,true,1.10],"u":"00000000-0000-0000-0000-000000000001"}')
    ] * 2  # fmt: skip
    aside = team.place.ask(f"SELECT code FROM quarantine.{team.schema}__kinds ORDER BY code")
    assert aside == [("NOT-A-LIST",), ("NOT-JSON-VALUE",), ("NOT-JSON-VALUE",)]


BAD = [
    # edit of the declaration, edit of the module, code, family, what stands in the message
    (("issues\n", "isues\n"), None, "DLT-RESOURCE", "declaration", "has no isues"),
    (("_tracker:", "_traker:"), None, "DLT-RESOURCE", "declaration", "there is no module"),
    (("{{base:", "{{bass:"), None, "DLT-RESOURCE", "declaration", "has no argument bass"),
    (("  secrets: {{token: tracker}}\n", ""), None, "DLT-RESOURCE", "declaration", "isn't told what it needs: token"),
    (("token: tracker}}", "token: tracker.user}}"), None, "SOURCE-LOGIN", "declaration", "holds no user"),
    (("token: tracker}}", "token: tracker.address}}"), None, "SOURCE-LOGIN", "declaration", "refuses us (HTTP 401)"),
    (None, ("page += 1", "raise ValueError(f'no {token} today')"), "DLT-RESOURCE", "declaration",
     "failed: ValueError: no *** today"),
    (None, ("issues(", "others("), "DLT-RESOURCE", "declaration", "has no issues"),
    (None, (TRACKER, "def issues(base, token):\n    yield 7\n"), "NOT-RECORDS", "declaration", "gives int, not records"),
    (('"{base}"', '"http://127.0.0.1:9"'), ("from dlt.sources.helpers import requests", "import requests"),
     "SOURCE-UNREACHABLE", "upstream", "can't be reached"),
]  # fmt: skip


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("edit", "code_edit", "code", "family", "said"), BAD)
def test_who_must_act(
    team: Any, tracker: Tracker, edit: Any, code_edit: Any, code: str, family: str, said: str
) -> None:
    if code_edit is not None:
        assert code_edit[0] in TRACKER
        (team.folder / f"{team.schema}_tracker.py").write_text(TRACKER.replace(*code_edit))
    table = declared(team, tracker, "merge", *([edit] if edit else []))
    with pytest.raises(HeadgateError) as raised:
        team.load(table)
    assert (raised.value.code, raised.value.family) == (code, family)
    assert said in raised.value.message
    assert TOKEN not in str(raised.value)
    assert raised.value.next_command
    assert code != "SOURCE-LOGIN" or "HEADGATE_CONNECTION_TRACKER" in raised.value.next_command


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_a_resource_says_of_a_record_is_not_told_where_columns_are_masked(team: Any, tracker: Tracker) -> None:
    module = TRACKER.replace("page += 1", "raise ValueError('no MARKana in issue 7')")
    (team.folder / f"{team.schema}_tracker.py").write_text(module)
    table = declared(team, tracker, "merge", ("key:", "pii: {{mail: hide}}\nkey:"))
    with pytest.raises(HeadgateError) as raised:
        team.load(table)
    assert "failed: ValueError (" in raised.value.message
    assert "isn't shown, since columns of the table are masked" in raised.value.message
    assert "MARK" not in str(raised.value)


def test_dlt_is_imported_by_who_reads_it_alone(team: Any, tracker: Tracker) -> None:
    """A light start: neither declarations nor a plan need it; without it the error says what to install."""
    declared(team, tracker, "merge")
    said = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from deployments.project import load_project
        import flows.planning, tasks.sources.opening, tasks.sources.dlt_records
        project = load_project(Path({str(team.folder)!r}))
        print('dlt' in sys.modules, 'requests' in sys.modules)
        sys.modules['dlt'] = None
        from tasks.sources.dlt_resources import start
        try:
            start()
        except Exception as error:
            print(error.code, error.next_command)
        """)
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].split()[0] == "False"
    assert done.stdout.splitlines()[1].startswith("NO-DLT pip install 'headgate[dlt]'")
