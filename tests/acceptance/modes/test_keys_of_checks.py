"""What single keys of a suite and of a summary's checks do: with them, and without them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.acceptance.operations.conftest import command as command
from tests.acceptance.operations.conftest import flows_as_functions as flows_as_functions

effect = pytest.mark.effect
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(64)}
load: {mode: full_refresh, tolerance: 100%}
"""
ROWS = "id,note\n" + "".join(f"{number},n\n" for number in range(10))


def loaded(house: Any, rule: str, rows: str = ROWS, drift: str = "") -> Any:
    """Load with a suite of one rule."""
    table = house.declare("orders", TABLE, f"table: {{schema}}.orders\nexpectations:\n  - {{code: R, {rule}}}\n{drift}")
    house.source("orders.csv", rows)
    return house.load(table)


LESS = "type: expect_column_values_to_be_between, kwargs: {column: id, max_value: 8}"


@effect("Rule.severity=info", "Rule.kwargs", "Suite.expectations")
def test_what_is_only_recorded(house: Any) -> None:
    record = loaded(house, LESS + ", severity: info")
    assert (record.status, [rule.outcome for rule in record.rules]) == ("published", ["fail"])


@effect("Rule.severity", "Rule.severity=warning", "Rule.severity=critical")
def test_what_warns_and_what_stops(house: Any) -> None:
    assert loaded(house, LESS + ", severity: warning").status == "warned"
    with pytest.raises(HeadgateError) as failed:
        loaded(house, LESS + ", severity: critical", ROWS + "10,n\n")
    assert failed.value.code == "CHECK-FAILED"


@effect("Rule.rows", "Rule.tolerance")
def test_rows_are_set_aside_up_to_a_share(house: Any) -> None:
    assert loaded(house, LESS + ", rows: quarantine, tolerance: 10%").counts["quarantined"] == 1
    with pytest.raises(HeadgateError) as failed:
        loaded(house, LESS + ", rows: quarantine, tolerance: 10%", ROWS + "10,n\n11,n\n")
    assert failed.value.code == "TOLERANCE"


@effect("Rule.on=both")
def test_a_rule_may_be_judged_twice(house: Any) -> None:
    places = [rule.place for rule in loaded(house, LESS.replace("8", "99") + ", on: both").rules]
    assert sorted(places) == ["batch", "candidate"]


@effect("Suite.drift", "DriftPolicy.ignore")
def test_drift_of_a_column_that_is_never_told(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import drift

    alerts = tuple(drift.Alert(name, "values", "page", 2.0, "changed", "a", "b") for name in ("id", "note"))
    monkeypatch.setattr(drift, "detect", lambda *_, **__: drift.Verdict("page", 2.0, alerts))
    record = loaded(house, LESS + ", severity: info", drift="drift: {ignore: [note]}")
    assert [alert.column for alert in record.drift.alerts] == ["id"]


@effect("DriftPolicy.sensitivity")
@pytest.mark.parametrize("level", [
    pytest.param(level, marks=effect(f"DriftPolicy.sensitivity={level}")) for level in ("low", "normal", "high")
])  # fmt: skip
def test_how_drift_is_told(house: Any, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the judge; what each level tells is measured in tests of the drift itself."""
    from expectations import drift

    asked: list[str] = []
    real = drift.detect

    def detect(*given: Any, sensitivity: str, **more: Any) -> Any:
        asked.append(sensitivity)
        return real(*given, sensitivity=sensitivity, **more)

    monkeypatch.setattr(drift, "detect", detect)
    # A level that isn't the one looked for, first: a forgotten policy tells the same in both.
    for expected in ("low" if level != "low" else "high", level):
        loaded(house, LESS + ", severity: info", ROWS + f"{len(asked)},n\n", f"drift: {{sensitivity: {expected}}}")
        assert asked[-1] == expected


SUMMARY = """/*
target: {schema}.by_note
description: Orders by note.
owner: a@example.com
inputs:
  - table: {schema}.orders
    checks: [{code: IN, sql: "SELECT count(*) FROM {schema}.orders", at_least: 99, severity: SEVERITY}]
MORE
*/
SELECT note, count(*) AS orders FROM {schema}.orders WHERE WHAT GROUP BY note
"""


@pytest.fixture
def summed(house: Any, command: Callable[..., Any]) -> Callable[..., Any]:
    loaded(house, LESS + ", severity: info")

    def run(severity: str = "info", more: str = "", what: str = "true") -> Any:
        file = house.folder / "summaries" / "by_note.sql"
        file.parent.mkdir(exist_ok=True)
        text = (
            SUMMARY.replace("{schema}", house.schema)
            .replace("SEVERITY", severity)
            .replace("MORE", textwrap.dedent(more))
        )
        file.write_text(text.replace("WHAT", what))
        return command("run", f"{house.schema}.by_note", "--json")

    return run


@effect(
    "InputCheck.severity", "InputCheck.severity=critical", "InputCheck.severity=warning", "InputCheck.severity=info"
)
@effect("InputCheck.sql")
def test_checks_of_inputs(summed: Callable[..., Any]) -> None:
    ends = {severity: summed(severity).json["runs"][-1]["status"] for severity in ("info", "warning", "critical")}
    assert ends == {"info": "published", "warning": "warned", "critical": "failed"}


@effect("Summary.allow_empty")
def test_an_empty_result(summed: Callable[..., Any]) -> None:
    assert summed().code == 0
    assert summed(what="false").code == 1
    assert summed(what="false", more="allow_empty: true").code == 0


@effect("Summary.grants", "Summary.physical", "Summary.generations")
def test_the_table_of_a_summary(house: Any, summed: Callable[..., Any]) -> None:
    group = f"readers_{house.schema}"
    house.place.ask(f"CREATE ROLE {group}")
    more = f"grants: [{group}]\nphysical: {{sortkey: [orders]}}\ngenerations: 0\n"
    assert summed(more=more).code == 0
    assert summed(more=more + "tags: [again]\n", what="note <> 'x'").code == 0
    name = f"{house.schema}.by_note"
    assert house.place.ask(f"SELECT has_table_privilege('{group}', '{name}', 'SELECT')") == [(True,)]
    assert house.place.ask(f"SELECT count(*) FROM pg_index WHERE indrelid = '{name}'::regclass")[0][0] >= 1
    assert house.side_tables(name) == []
