"""What resources of dlt yield: every value as it was, and who must act where it can't be read."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.acceptance.modes.dlt_tracker import (
    TOKEN,
    TRACKER,
    Tracker,
    declared,
)


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
