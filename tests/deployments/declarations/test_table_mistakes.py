"""A mistake in a table's declaration is told with file, line, key, what was found, what is allowed and what was meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.declarations.problems import Problem

Check = Callable[..., list[Problem]]

# What is changed in the sound table, then line, key and words of the message.
MISTAKES: list[tuple[str, str, int, str, str]] = [
    ("owner:", "ownr:", 3, "ownr", "is not a known key; allowed: columns, description,"),
    ("owner:", "ownr:", 3, "ownr", "did you mean 'owner'?"),
    ("owner: data@example.com\n", "", 1, "owner", "is missing"),
    ("key: [id]", "key: [id, id]", 14, "key", "'id' stands more than once"),
    ("key: [id]", "key: [id]\nphysical: {sortkey: [id, amount, id]}", 15, "physical.sortkey", "'id' stands more than once"),
    ("raw.orders", "orders", 1, "table", "'orders' must be schema.table"),
    ("raw.orders", "Raw.Orders", 1, "table", "must be schema.table in lower-case letters"),
    ("raw.orders", "raw." + "o" * 49, 1, "table", "longer than 48 characters"),
    ("kind: csv", "kind: cvs", 5, "source.kind",
     "found 'cvs'; allowed: csv, json, parquet, rest, postgres, mysql, dlt; did you mean 'csv'?"),
    ("  kind: csv\n", "", 4, "source.kind", "is missing; allowed: csv, json, parquet, rest, postgres, mysql, dlt"),
    ("http://", "ftp://", 6, "source.url", "FTP isn't read"),
    ("{window.start:", "{windw.start:", 6, "source.url", "'{windw.start:%Y-%m-%d}' isn't known; allowed: {window.start"),
    ("%Y-%m-%d}", "%Y-%Q}", 6, "source.url", "'%Q' of {window.start:%Y-%Q} is no part of a date or time"),
    ("%Y-%m-%d}", "%Y-%}", 6, "source.url", "'%' of {window.start:%Y-%} is no part of a date or time"),
    ("%Y-%m-%d}", "%Y-%m}", 6, "source.url", "two windows of day after one another would read the same address"),
    ("every: day", "every: hour", 6, "source.url", "two windows of hour after one another would read the same address"),
    ("{window.start:%Y-%m-%d}", "{window.end:%Y}-{window.last:%m}", 6, "source.url", "would read the same address"),
    ("key: [id]", "key: id", 14, "key", "must be a list; found 'id'; allowed: a list: [a, b]"),
    ("  url:", "  encoding: utf-9\n  url:", 6, "source.encoding", "isn't a text encoding Python knows"),
    ("  url:", "  encoding: rot13\n  url:", 6, "source.encoding", "isn't a text encoding Python knows"),
    ("  url:", "  encoding: idna\n  url:", 6, "source.encoding", "isn't a text encoding Python knows"),
    ("  url:", "  encoding: punycode\n  url:", 6, "source.encoding", "isn't a text encoding Python knows"),
    ("  url:", "  delimiter: ab\n  url:", 6, "source.delimiter", "allowed: one ASCII character such as , ; | or tab"),
    ("  url:", "  compresion: gzip\n  url:", 6, "source.compresion", "did you mean 'compression'?"),
    ("  url:", "  on_missing: ignore\n  url:", 6, "source.on_missing", "found 'ignore'; allowed: fail, empty, wait"),
    ("every: day", "every: daily", 7, "window.every", "allowed: hour, day, week, month, or a number with m, h or d"),
    ("timezone: Asia/Seoul", "timezone: Asia/Soul", 7, "window.timezone", "'Asia/Soul' isn't a time zone; allowed: IANA"),
    ("start: 2024-01-01", "start: yesterday", 7, "window.start", "found 'yesterday'"),
    ("start: 2024-01-01", "start: 2024-01-01T00:00:00+09:00", 7, "window", "write them without offset"),
    ("start: 2024-01-01", "start: 2024-01-02, end: 2024-01-01", 7, "window", "end must come after start"),
    ("start: 2024-01-01", "start: 2024-01-01, end: 2024-02-01T12:00:00", 7, "window", "end must be where a window ends"),
    ("every: day, timezone: Asia/Seoul, start: 2024-01-01", "every: month, timezone: UTC, start: 2024-01-31", 7, "window",
     "a day every month has"),
    ('"0 2 * * *"', '"0 2 * *"', 8, "schedule.cron", "five fields"),
    ("type: integer", "type: text", 10, "columns.id.type", "Redshift's TEXT is varchar(256)"),
    ("type: integer", "type: integer(4)", 10, "columns.id.type", "integer takes no length"),
    ("type: integer", "type: intger", 10, "columns.id.type", "'intger' isn't a type of both warehouses; allowed: smallint"),
    ("varchar(64)", "varchar", 11, "columns.email.type", "varchar needs a length in bytes from 1 to 65535"),
    ("varchar(64)", "varchar(0)", 11, "columns.email.type", "from 1 to 65535"),
    ("varchar(64)", "varchar(65536)", 11, "columns.email.type", "from 1 to 65535"),
    ("decimal(12,2)", "decimal(39,2)", 12, "columns.amount.type", "1 to 38 digits"),
    ("decimal(12,2)", "decimal(2,3)", 12, "columns.amount.type", "decimal needs (precision, scale)"),
    ("decimal(12,2)", "decimal", 12, "columns.amount.type", "decimal needs (precision, scale)"),
    ("decimal(12,2)", "decimal(12", 12, "columns.amount.type", "YAML ends it at the comma inside { }: write it in quotes"),
    ("name: id", "name: Id", 10, "columns.Id.name", "'Id' can't be a name in both warehouses"),
    ("unit: USD", "unti: USD", 12, "columns.amount.unti", "did you mean 'unit'?"),
    (", source_timezone: Asia/Seoul, nullable", ", nullable", 13, "columns.ordered_at", "needs source_timezone"),
    ("source_timezone: Asia/Seoul", "source_timezone: Seoul", 13, "columns.ordered_at.source_timezone", "isn't a time zone"),
    ("unit: USD", "source_timezone: UTC", 12, "columns.amount", "source_timezone belongs to timestamp, not to decimal"),
    ("unit: USD", 'format: "%d"', 12, "columns.amount", "format belongs to date, timestamp and time, not to decimal"),
    ("unit: USD", "cast: [round]", 12, "columns.amount.cast[0]", "found 'round'; allowed: trim"),
    ("Asia/Seoul, nullable", "Asia/Seoul, cast: whole_number, nullable", 13, "columns.ordered_at", "belongs to numbers"),
    ("unit: USD", "encode: gzip", 12, "columns.amount.encode", "isn't a Redshift encoding; allowed: auto, az64"),
    ("mode: replace_window", "mode: upsert", 16, "load.mode", "found 'upsert'; allowed: full_refresh, append,"),
    ("load:", "load:\n  tolerance: 5", 16, "load.tolerance", "allowed: a percentage such as 1%"),
    ("load:", 'load:\n  tolerance: "101%"', 16, "load.tolerance", "allowed: a percentage such as 1%"),
    ("load:", "load:\n  generations: 31", 16, "load.generations", "less than or equal to 30; found 31"),
    ("load:", "load:\n  on_schema_change: {added: panic}", 16, "load.on_schema_change.added", "allowed: allow, warn, fail"),
    ("load:", "load:\n  copy_options: {fillrecord: true}", 16, "load.copy_options.fillrecord", "not a known key; allowed: compr"),
    ("key: [id]", "key: [id]\nphysical: {diststyle: key}", 15, "physical", "diststyle key and distkey belong together"),
    ("key: [id]", "key: [id]\nsla: [{for: finance}]", 15, "sla[0]", "an sla needs fresh_by or max_age"),
    ("key: [id]", "key: [id]\nsla: [{for: finance, fresh_by: '25:00'}]", 15, "sla[0]", "isn't a time of day such as 06:00"),
    ("key: [id]", "key: [id]\nretries: {delay: 5 minutes}", 15, "retries.delay", "isn't a duration; allowed: a number"),
    ("key: [id]", "key: [id]\npii: {email: encrypt}", 15, "pii.email", "found 'encrypt'; allowed: hash, hide"),
    ("key: [id]", "key: id", 14, "key", "found 'id'"),
]  # fmt: skip


@pytest.mark.parametrize("head", ["", "# a\ttab\n", "%YAML 1.2\n---\n"])
def test_a_tag_is_told_by_its_name_whoever_reads_the_file(table_problems: Check, head: str) -> None:
    (problem,) = table_problems(("table:", f"{head}table:"), ("data@example.com", "!team data"))
    assert (problem.line, problem.message) == (
        3 + head.count("\n"), "isn't valid YAML: the tag !team means nothing here: leave it out",
    )  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), MISTAKES)
def test_one_mistake_is_one_problem(
    table_problems: Check, tmp_path: Path, old: str, new: str, line: int, key: str, words: str
) -> None:
    problems = table_problems((old, new))
    told = [problem for problem in problems if problem.key == key]
    assert [problem.line for problem in told] == [line], problems
    assert words in str(told[0])
    assert str(told[0]).startswith(f"{tmp_path / 'tables' / 'orders.yaml'}:{line}: {key}: ")
    # Renaming a key is two mistakes: one that isn't known, one that is missing.
    assert len(problems) == (2 if new == "ownr:" else 1), problems


def test_the_sound_table_has_none(table_problems: Check) -> None:
    assert table_problems() == []


def test_ten_mistakes_of_one_file_are_told_at_once(table_problems: Check) -> None:
    problems = table_problems(
        ("raw.orders", "orders"), ("owner:", "ownr:"), ("http://", "gopher://"),
        ("every: day", "every: daily"), ('"0 2 * * *"', "never"), ("type: integer", "type: text"), ("varchar(64)", "varchar"),
        ("unit: USD", "unti: USD"), ("mode: replace_window", "mode: upsert"),
    )  # fmt: skip
    keys = ["table", "ownr", "owner", "source.url", "window.every", "schedule.cron", "columns.id.type",
            "columns.email.type", "columns.amount.unti", "load.mode"]  # fmt: skip
    assert sorted(problem.key for problem in problems) == sorted(keys)


@pytest.mark.parametrize(("text", "line", "words"), [
    ("table: raw.orders\n  owner: x\n", 2, "isn't valid YAML"), ("- a\n- b\n", 1, "must be a mapping of keys to values"),
    ("", 1, "must be a mapping of keys to values"), ("table: a\ntable: b\n", 2, "duplicate key"),
    ("a: [1\n", 2, "isn't valid YAML"),
    ("a: {b: c\n", 2, "isn't valid YAML"), ("a: \x01\n", 0, "isn't valid YAML"), ("a: !!python/object:os.system x\n", 0, ""),
])  # fmt: skip
def test_what_is_not_a_yaml_mapping_is_told_with_its_line(
    table_problems: Check, text: str, line: int, words: str
) -> None:
    told = table_problems(text=text)
    assert any(words in str(problem) and (not line or problem.line == line) for problem in told), told


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    from deployments.project import read_project

    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.yaml").write_bytes("owner: Jos\xe9".encode("latin-1"))
    [problem] = read_project(tmp_path)[1]
    assert problem.message == "isn't UTF-8 text (byte 10)"
