"""Windows whose source has nothing, or rows that belong elsewhere: reported as the declaration says, never half a batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deployments.errors import HeadgateError

if TYPE_CHECKING:
    from tests.acceptance.bad_input.conftest import Small
    from tests.conftest import Web

TABLE = """\
table: raw.{name}
description: Visits.
owner: data@example.com
source: {{kind: {kind}, url: "{url}", on_missing: {missing}{more}}}
window: {{every: day, timezone: Asia/Seoul, start: 2024-03-01, end: 2024-03-04}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamp, source_timezone: Asia/Seoul, nullable: false}}
load: {{mode: replace_window, window_column: at, tolerance: 50%}}
"""


def declare(small: Small, web: Web, name: str, missing: str, kind: str = "csv", more: str = "") -> None:
    url = web.base + "/{window.start:%Y-%m-%d}"
    text = TABLE.format(name=name, url=url, missing=missing, kind=kind, more=more)
    small.declare(f"tables/{name}.yaml", text)


def test_a_day_without_a_file_is_an_empty_batch_with_its_proof_where_that_is_declared(small: Small, web: Web) -> None:
    declare(small, web, "may_be_absent", "empty")
    web.put("/2024-03-01", "id,at\n1,2024-03-01 09:00:00\n")
    assert small.ingest("may_be_absent", "2024-03-01").counts["published"] == 1
    record = small.ingest("may_be_absent", "2024-03-02")
    assert (record.status, record.counts["published"]) == ("published", 0)
    assert "nothing for this window" in record.steps[0].line
    kinds = small.ask("SELECT kind, extracted FROM ops.proof__raw__may_be_absent ORDER BY sequence")
    assert kinds == [("publish", 1), ("empty", 0)]
    # A server that has nothing at all may be the wrong one.
    del web.pages["/2024-03-01"]
    with pytest.raises(HeadgateError) as caught:
        small.ingest("may_be_absent", "2024-03-01")
    assert caught.value.code == "NOT-PROVEN-EMPTY"
    assert small.ask("SELECT count(*) FROM raw.may_be_absent") == [(1,)]
    # A file that came and went again: the window's rows are replaced by none, the other day's stay.
    web.put("/2024-03-03", "id,at\n")
    small.ingest("may_be_absent", "2024-03-01")
    assert small.ask("SELECT count(*) FROM raw.may_be_absent") == [(0,)]


def test_a_day_without_a_file_is_a_failure_otherwise(small: Small, web: Web) -> None:
    declare(small, web, "must_be_there", "fail")
    with pytest.raises(HeadgateError) as caught:
        small.ingest("must_be_there", "2024-03-01")
    assert caught.value.code == "SOURCE-MISSING"
    assert small.ask("SELECT count(*) FROM ops.proof__raw__must_be_there") == [(0,)]


def test_a_file_without_rows_is_an_empty_batch_where_that_is_declared(small: Small, web: Web) -> None:
    declare(small, web, "quiet_day", "empty")
    web.put("/2024-03-01", "id,at\n")
    assert small.ingest("quiet_day", "2024-03-01").counts["extracted"] == 0
    assert small.ask("SELECT kind FROM ops.proof__raw__quiet_day") == [("empty",)]


def test_a_file_without_rows_empties_no_window_otherwise(small: Small, web: Web) -> None:
    declare(small, web, "cut_short", "fail")
    web.put("/2024-03-01", "id,at\n1,2024-03-01 09:00:00\n")
    small.ingest("cut_short", "2024-03-01")
    web.put("/2024-03-01", "id,at\n")
    with pytest.raises(HeadgateError) as caught:
        small.ingest("cut_short", "2024-03-01")
    assert caught.value.code == "EMPTY-FILE"
    assert small.ask("SELECT id FROM raw.cut_short") == [(1,)]


def test_rows_of_another_window_are_set_aside(small: Small, web: Web) -> None:
    declare(small, web, "strays", "fail")
    rows = [
        "1,2024-02-29 23:59:59.999999",
        "2,2024-03-01 00:00:00",
        "3,2024-03-01 23:59:59.999999",
        "4,2024-03-02 00:00:00",
    ]
    web.put("/2024-03-01", "\n".join(["id,at", *rows]))
    record = small.ingest("strays", "2024-03-01")
    assert [(reason.code, reason.rows) for reason in record.quarantine] == [("OUT-OF-WINDOW", 2)]
    assert small.ask("SELECT id FROM raw.strays ORDER BY id") == [(2,), (3,)]


def test_a_page_that_is_missing_never_makes_an_empty_batch(small: Small, web: Web) -> None:
    declare(small, web, "pages", "empty", "json", ", records: data, next: next")
    first = {"data": [{"id": 1, "at": "2024-03-01 09:00:00"}], "next": "/gone"}
    web.put("/2024-03-01", json.dumps(first))
    with pytest.raises(HeadgateError) as caught:
        small.ingest("pages", "2024-03-01")
    assert caught.value.code == "PAGE-MISSING"
    assert small.ask("SELECT count(*) FROM ops.proof__raw__pages") == [(0,)]
