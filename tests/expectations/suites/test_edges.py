"""Values at the edges get one verdict: in memory, on PostgreSQL and on a Redshift-like server."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import duckdb
import psycopg2
import pytest

from deployments.declarations.suite import Suite
from expectations.suites.frames import frame_of
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch, WarehouseTable

COLUMNS = {
    "id": "BIGINT",
    "v": "VARCHAR(60)",
    "big": "BIGINT",
    "f": "DOUBLE PRECISION",
    "m": "DECIMAL(38,2)",
    "d": "DATE",
}
ROWS = [
    (1, "a@b.de", 2**53, 0.0, "0.10", "2024-02-29"),
    (2, "e@f.org\n", 2**53 + 1, -0.0, "-0.00", "0001-01-01"),
    (3, "\u0663@y.com", 2**63 - 1, 1.5e308, "9" * 36 + ".99", "9999-12-31"),
    (4, "", -(2**63), 2.3e-308, "-" + "9" * 36 + ".99", "1970-01-01"),
    (5, None, None, None, None, None),
    (6, "Straße", 0, 0.1, "0.01", "1969-12-31"),
    (7, "STRASSE", 1, -0.1, "0.1", "2024-12-31"),
    (8, " x ", 2, 3.0, "3", "2024-01-01"),
    (9, "DE-١٢٣٤", 3, 3.0, "3.00", "2024-01-01"),
    (10, "한글 😀", 4, 3.0, "3.00", "2024-01-01"),
]  # fmt: skip
RULES: list[tuple[str, dict[str, Any]]] = [
    *(("expect_column_values_to_match_regex", {"column": "v", "regex": pattern}) for pattern in (
        r"^\S+@\S+\.\w{2,3}$", r"^\D+$", r"^\S+@\S+\.\w{2,3}\Z", r"\d", r"(?i)^STRASSE$", r"(?i)straß", r"^$", r"^.*$", r"^.+$",
        r"^\w", r"\s", r"[^\w\s@.-]", r"^DE-\d{4}$")),
    *(("expect_column_values_to_not_match_regex", {"column": "v", "regex": pattern}) for pattern in (r"\W", r"\n", r"@")),
    ("expect_column_values_to_match_regex_list", {"column": "v", "regex_list": [r"^\d", r"\s$"], "match_on": "any"}),
    ("expect_column_value_lengths_to_be_between", {"column": "v", "min_value": 1, "max_value": 6}),
    ("expect_column_values_to_be_in_set", {"column": "v", "value_set": ["", " x ", "STRASSE"]}),
    ("expect_column_values_to_be_in_set", {"column": "big", "value_set": [2**53, 2**63 - 1, 0, 1, 2, 3, 4]}),
    ("expect_column_values_to_be_between", {"column": "big", "min_value": -(2**63), "max_value": 2**62}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": 0}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": 0, "strict_min": True}),
    ("expect_column_values_to_be_between", {"column": "m", "min_value": 0.1, "max_value": 3}),
    ("expect_column_values_to_be_between", {"column": "m", "min_value": 0, "strict_min": True}),
    ("expect_column_values_to_be_between", {"column": "d", "min_value": "1970-01-01", "max_value": "2024-02-29"}),
    ("expect_column_values_to_be_unique", {"column": "m"}),
    ("expect_column_values_to_be_unique", {"column": "v"}),
    ("expect_column_values_to_be_unique", {"column": "big"}),
    ("expect_column_values_to_not_be_null", {"column": "v"}),
]  # fmt: skip
SUITE = Suite.model_validate(
    {"table": "checks.edges",
     "expectations": [{"code": f"R-{n}", "type": name, "kwargs": kwargs} for n, (name, kwargs) in enumerate(RULES)]}
)  # fmt: skip


def in_memory() -> dict[str, Any]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE edges ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        connection.executemany(f"INSERT INTO edges VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
        return judged(InMemoryBatch(frame_of(connection.table("edges").order("id"))))


def judged(target: Any) -> dict[str, Any]:
    outcome = run_suite(SUITE, target, key=["id"], sample=50)
    return {f"{rule.code} {rule.type}": (rule.outcome, rule.rows_failed, rule.keys) for rule in outcome.rules}


@pytest.mark.parametrize("engine", ["postgres", "redshift"])
def test_one_verdict_everywhere(request: pytest.FixtureRequest, engine: str) -> None:
    world = request.getfixturevalue(engine)
    with closing(psycopg2.connect(world.url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE checks.edges ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
            )
            for row in ROWS:
                cursor.execute(f"INSERT INTO checks.edges VALUES ({', '.join(['%s'] * len(COLUMNS))})", row)
    there, here = judged(WarehouseTable(world.url, "checks", "edges", world.dialect)), in_memory()
    assert {name: found for name, found in there.items() if found != here[name]} == {}
    assert "error" not in {outcome for outcome, _, _ in here.values()}
