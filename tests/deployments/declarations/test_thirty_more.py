"""Mistakes that people bring along from other tools, or make while they edit: a key in another place, a type by another
name, a mapping that is a text. Each is told with its line, what stands there and what to write, in words of declarations.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deployments.declarations.places import elsewhere
from deployments.declarations.reference import PAGES
from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from flows.cli.check import check
from tests.deployments.declarations.test_forty_wrong import FILES, O, P, Q, S, T, W, said, told

STOCK = "  - {name: id, type: integer, nullable: false}\n  - {name: n, type: integer}\n"
RULE = "    type: expect_column_values_to_be_between\n    kwargs: {column: amount, min_value: 0}\n"
# File, what is changed, line, words of the mistake.
WRONG: list[tuple[str, str, str, int, str]] = [
    (T, "load:\n", "load:\n  key: [id]\n", 16, "here: it stands at the top of the file, beside table; allowed: copy_options"),
    (T, "key: [id]", "mode: merge", 14, "is not a known key here: it stands below load; allowed: columns"),
    (T, "  url:", "  every: day\n  url:", 6, "here: it stands below window or below source.wait_for; allowed"),
    (T, "key: [id]", "drift: {policy: stop}", 14, "it stands in suites/*.yaml or in the header of summaries/*.sql"),
    (T, "key: [id]", "nullable: false", 14, "is not a known key here: it stands in each item of columns"),
    (T, "key: [id]", "rotation: [ann]", 14, "is not a known key here: it stands in oncall.yaml"),
    (P, "  query:", "  delimiter: ;\n  query:", 7, "is not a known key here: it stands below source of kind csv; allowed"),
    (S, "    kwargs: {column: amount, min_value: 0}\n", "    column: amount\n    min_value: 0\n", 5,
     "column: is not a known key (arguments stand below kwargs)"),
    (T, "key: [id]", "primary_key: [id]", 14, "primary_key: can't be said here: write key: [column, ...]"),
    (T, "varchar(64)", "string", 11, "'string' isn't a type of both warehouses (write varchar(n), n in bytes); allowed"),
    (T, "varchar(64)", "varchar(max)", 11, "isn't a type of both warehouses (write varchar(65535)); allowed"),
    (T, "varchar(64)", "variant", 11, "(write json); allowed"),
    (T, '"decimal(12,2)"', "money", 12, '(write "decimal(p,s)" for amounts, double precision for measures); allowed'),
    (T, "type: timestamp,", "type: datetime,", 13, "(write timestamp, or timestamptz for times with an offset); allowed"),
    (T, "  kind: csv", "\tkind: csv", 5, "isn't valid YAML: found character '\\t' that cannot start any token; allowed: blanks"),
    (T, "per order.", "per order: all", 2, "mapping values are not allowed here; allowed: text that holds ': ' in quotes"),
    (T, "[analysts]", "[@analysts]", 18, "found character '@' that cannot start any token; allowed: text that begins with @"),
    (P, STOCK, "  id: integer\n  n: integer\n", 8, "columns: must be a list; allowed: [{name: ..., type: ...}]"),
    (P, STOCK, "  - id integer\n", 9, "columns[0]: must be a mapping; found 'id integer'; allowed: {name: ..., type: ...}"),
    (P, "name: n,", "name: id,", 10, "columns.id.name: column 'id' stands more than once"),
    (T, '{cron: "0 2 * * *"}', '"0 2 * * *"', 8, "schedule: must be a mapping; found '0 2 * * *'; allowed: {cron: ...}"),
    (T, "{every: day, timezone: Asia/Seoul, start: 2024-01-01}", "day", 7,
     "window: must be a mapping; found 'day'; allowed: {every: ..., timezone: ..., start: ...}"),
    (P, "{mode: full_refresh}", "full_refresh", 11, "load: must be a mapping; found 'full_refresh'; allowed: {mode: ...}"),
    (P, "  kind: postgres\n  connection: shop\n  query: SELECT id, n FROM stock\n", "  postgres\n", 4,
     "source: must be a mapping; found 'postgres'; allowed: {kind: csv or json or parquet or rest or"),
    (T, "grants: [analysts]", "retries: 3", 18, "retries: must be a mapping; found 3; allowed: {count: ...}"),
    (T, "grants: [analysts]", "sla: {for: bi}", 18, "sla: must be a list; allowed: [{for: ...}]"),
    (T, "grants: [analysts]", "grants: [analysts]\nrunbook: 12", 19, "runbook: must be text; found 12; allowed: text"),
    (T, "owner: data@example.com", "owner:", 3, "owner: has no value; allowed: text"),
    (T, "start: 2024-01-01", "start: 01/02/2024", 7, "window.start: is no date that there is; found '01/02/2024'; allowed"),
    (P, "connection: shop", "connection: postgresql://u:s3cret@db/x", 6, "connection: 'postgresql://***@db/x' can't be a name"),
    (S, "expect_column_values_to_be_between", "not_null", 4, "did you mean 'expect_column_values_to_not_be_null'?"),
    (S, RULE, "    type: expect_column_values_to_be_not_null\n    kwargs: {column: amount}\n", 4,
     "did you mean 'expect_column_values_to_not_be_null'?"),
    (S, RULE, "    type: unique\n", 4, "isn't an expectation; did you mean 'expect_column_values_to_be_unique'?"),
    (S, RULE, "    type: freshness\n", 4, "isn't an expectation; allowed: a name such as expect_column_values_to_not_be_null"),
    (Q, "FROM raw_data.orders\nGROUP", "FROM {{ ref('orders') }}\nGROUP", 12, "has a '{': templates aren't filled in; allowed"),
    (Q, "raw_data.orders\nGROUP", "analytics.daily\nGROUP", 12, "reads analytics.daily, which it makes; allowed: what it is"),
    (W, "groups:\n  analysts:\n    schemas: {raw_data: read, analytics: read}", "groups:\n  - analysts", 1,
     "groups: must be a mapping; allowed: {name: {members: ...}}"),
    (O, "ann@example.com", "ann", 4, "people.ann.email: must match the pattern"),
    (T, "raw_data.orders\n", "dev.raw_data.orders\n", 1, "'dev.raw_data.orders' must be schema.table in lower-case letters"),
]  # fmt: skip
# What else such a mistake is: of a rule without arguments each that is missing, of a table that reads itself its columns.
FOLLOWS = (
    "expectations.ORD-AMOUNT.kwargs: ",
    "ORD-AMOUNT.min_value: is not",
    "no table here has a column 'ordered_at'",
)


@pytest.mark.parametrize(("file", "old", "new", "line", "words"), WRONG)
def test_each_is_told_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, line: int, words: str
) -> None:
    assert old in FILES[file]
    found = told(tmp_path, monkeypatch, FILES | {file: FILES[file].replace(old, new, 1)})
    meant = [problem for problem in found if words in said(problem)]
    assert [(str(problem["file"]), problem["line"]) for problem in meant] == [(str(tmp_path / file), line)], found
    others = [said(problem) for problem in found if problem not in meant]
    assert all("is missing" in text or any(word in text for word in FOLLOWS) for text in others), others
    # No word of the library that reads declarations, and no password.
    assert not [
        text for text in map(said, found) if "valid dictionary" in text or "instance of" in text or "s3cret" in text
    ]


def test_every_key_of_a_file_is_known_to_stand_somewhere() -> None:
    for root in PAGES.values():
        for name, info in root.model_fields.items():
            if (root.__name__, name) != ("Summary", "sql"):
                assert elsewhere(root, info.alias or name) is not None, (root, name)
    assert elsewhere(Table, "expectations") == "in suites/*.yaml or in the header of summaries/*.sql"
    assert elsewhere(Suite, "window_column") == "in the header of summaries/*.sql"
    assert elsewhere(Table, "nothing_of_ours") is None
    # A key of many places tells nobody which of them was meant.
    assert elsewhere(Suite, "columns") == "in tables/*.yaml or in the header of summaries/*.sql"


def test_a_login_in_a_declaration_is_told_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("https://files", "https://reader:s3cret@files"))
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(check, []).output
    assert (
        "note raw_data.orders: the address of its source holds a login; it belongs into HEADGATE_CONNECTION_<NAME>"
        in said
    )
    assert "s3cret" not in said


def test_a_file_that_nobody_reads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ["tables/shop/orders.yaml", "tables/more.YAML", "tables/more.json", "tables/more.sql", "suites/more.YML",
            "summaries/more.SQL", "summaries/more.yaml"]  # fmt: skip
    silent = ["tables/README.md", "tables/old.yaml.bak", "summaries/daily.test.yaml"]
    for name in (*FILES, *more, *silent):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(FILES.get(name, "tests: [{name: a, given: {}, expect: []}]\n"))
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    notes = [line.split() for line in CliRunner().invoke(check, []).output.splitlines() if "is not read" in line]
    assert sorted(line[1] for line in notes) == sorted(more)
