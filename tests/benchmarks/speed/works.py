"""The works that are timed: what headgate is declared to do, and the psql script that does the same by hand.

A: a CSV file into a table. D: the same with fifteen checks before readers see it (DG: as a Great Expectations suite).
B: a table of another database. B2: its newest 2 %, merged. C: a hundred rows over HTTP, in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = """\
  - {name: sessionid, type: varchar(32), nullable: false}
  - {name: userid, type: integer, nullable: false}
  - {name: channel, type: varchar(32)}
  - {name: ts, type: timestamp, source_timezone: UTC}
  - {name: refunded, type: boolean}
  - {name: amount, type: integer}
"""
DDL = "sessionid varchar(32) not null, userid int not null, channel varchar(32), ts timestamp, refunded boolean, amount int"
CHANNELS = ("Youtube", "Facebook", "Instagram", "Google", "Naver", "Organic", "TikTok")

_FROM_FILE = """\
table: raw_data.{name}
description: One row per session.
owner: bench@example.com
source: {{kind: csv, url: "file://{csv}"}}
columns:
{columns}load: {{mode: full_refresh, generations: 1}}
"""
_FROM_DATABASE = """\
table: raw_data.{name}
description: One row per session.
owner: bench@example.com
source:
  kind: postgres
  connection: production
  query: SELECT sessionid, userid, channel, ts, refunded, amount, updated_at FROM public.sessions
{source}columns:
{columns}  - {{name: updated_at, type: timestamp, source_timezone: UTC}}
"""
_SMALL = """\
table: raw_data.small
description: One row per name.
owner: bench@example.com
source: {{kind: csv, url: "{url}"}}
columns:
  - {{name: name, type: varchar(32)}}
  - {{name: gender, type: varchar(8)}}
load: {{mode: full_refresh, generations: 1}}
"""

# The fifteen checks of the script below: six of them are the contract (types, not null) or a key.
_ROW_RULES = (
    ("S-HEX", "expect_column_values_to_match_regex", 'column: sessionid, regex: "^[0-9a-f]+$"'),
    ("S-LENGTH", "expect_column_value_lengths_to_equal", "column: sessionid, value: 32"),
    ("S-USER", "expect_column_values_to_be_between", "column: userid, min_value: 1, max_value: 500000"),
    ("S-CHANNEL", "expect_column_values_to_be_in_set", f"column: channel, value_set: [{', '.join(CHANNELS)}]"),
    ("S-CHANNEL-NULL", "expect_column_values_to_not_be_null", "column: channel"),
    ("S-TS-NULL", "expect_column_values_to_not_be_null", "column: ts"),
    ("S-TS", "expect_column_values_to_be_between",
     'column: ts, min_value: "2019-01-01T00:00:00", max_value: "2025-01-01T00:00:00", strict_max: true'),
    ("S-AMOUNT", "expect_column_values_to_be_between", "column: amount, min_value: 0, max_value: 100000"),
)  # fmt: skip
_BATCH_RULES = (
    ("S-ROWS", "expect_table_row_count_to_be_between", "min_value: 1, max_value: 100000000"),
    ("S-CHANNELS", "expect_column_unique_value_count_to_be_between", "column: channel, min_value: 1, max_value: 7"),
)
_ONLY_LIBRARY = (
    ("S-ID-NULL", "expect_column_values_to_not_be_null", "column: sessionid"),
    ("S-USER-NULL", "expect_column_values_to_not_be_null", "column: userid"),
    ("S-UNIQUE", "expect_column_values_to_be_unique", "column: sessionid"),
    (
        "S-CHANNEL-SET",
        "expect_column_distinct_values_to_be_in_set",
        f"column: channel, value_set: [{', '.join(CHANNELS)}]",
    ),
    ("S-AMOUNT-MAX", "expect_column_values_to_be_between", "column: amount, max_value: 100000"),
)

CHECKS_SQL = """
select (count(*) not between 1 and 100000000)::int, count(*) filter (where sessionid is null),
 count(*) filter (where userid is null), count(*) filter (where channel is null), count(*) filter (where ts is null),
 count(*) filter (where length(sessionid) <> 32), count(*) filter (where sessionid !~ '^[0-9a-f]+$'),
 count(*) filter (where userid not between 1 and 500000),
 count(*) filter (where channel not in ({channels})),
 count(*) filter (where ts < '2019-01-01' or ts >= '2025-01-01'),
 count(*) filter (where amount < 0), count(*) filter (where amount > 100000),
 count(*) filter (where (amount is null) <> (refunded is null)), count(distinct channel) / 8,
 (select count(*) from (select sessionid from raw_data.psql_new group by 1 having count(*) > 1) q)
from raw_data.psql_new
"""


@dataclass(frozen=True, slots=True)
class Work:
    """One work: the table headgate loads, the psql scripts (one process each, piped), how often it may be asked for."""

    name: str
    table: str
    psql: tuple[str, ...]
    what: str


def declarations(csv: str, url: str) -> dict[str, str]:
    """The project's files by their relative path."""
    return {
        "tables/plain.yaml": _FROM_FILE.format(name="plain", csv=csv, columns=COLUMNS),
        "tables/checked.yaml": _FROM_FILE.format(name="checked", csv=csv, columns=COLUMNS) + "key: [sessionid]\n",
        "tables/judged.yaml": _FROM_FILE.format(name="judged", csv=csv, columns=COLUMNS),
        "tables/copied.yaml": _FROM_DATABASE.format(name="copied", columns=COLUMNS, source="")
        + "load: {mode: full_refresh, generations: 1}\n",
        "tables/merged.yaml": _FROM_DATABASE.format(
            name="merged", columns=COLUMNS, source="  cursor: {column: updated_at, kind: mutable}\n"
        )
        + "window: {every: day, timezone: UTC, start: 2026-01-01}\nkey: [sessionid]\n"
        + "load: {mode: merge, keep: {latest_by: updated_at}, generations: 1}\n",
        "tables/small.yaml": _SMALL.format(url=url),
        "suites/checked.yaml": _suite("checked", _ROW_RULES, rows=True) + _rules(_BATCH_RULES, rows=False),
        "suites/judged.yaml": _suite("judged", (*_ROW_RULES, *_BATCH_RULES, *_ONLY_LIBRARY), rows=False),
    }


def _suite(name: str, rules: tuple[tuple[str, str, str], ...], *, rows: bool) -> str:
    return f"table: raw_data.{name}\nexpectations:\n" + _rules(rules, rows=rows)


def _rules(rules: tuple[tuple[str, str, str], ...], *, rows: bool) -> str:
    tail = ", rows: quarantine, tolerance: 1%" if rows else ""
    return "".join(
        f"  - {{code: {code}, type: {kind}, kwargs: {{{kwargs}}}, severity: critical{tail}}}\n"
        for code, kind, kwargs in rules
    )


def works(csv: str, url: str) -> dict[str, Work]:
    """Every work by its name."""
    swap = "drop table if exists raw_data.psql;\nalter table raw_data.psql_new rename to psql;\ncommit;\n"
    load = f"begin;\ncreate table raw_data.psql_new({DDL});\n\\copy raw_data.psql_new from '{csv}' csv header\n"
    checks = CHECKS_SQL.format(channels=", ".join(f"'{name}'" for name in CHANNELS))
    judge = (
        f"do $$ declare r record; begin for r in {checks} loop\n"
        "if r::text !~ '^\\(0(,0)*\\)$' then raise exception 'checks failed: %', r; end if; end loop; end $$;\n"
    )
    pipe_in = (
        f"begin;\ncreate table raw_data.psql_new({DDL}, updated_at timestamp);\n"
        "\\copy raw_data.psql_new from pstdin (format binary)\n"
    )
    merge = (
        "begin;\ncreate temp table d (like raw_data.psql_merged) on commit drop;\n\\copy d from pstdin (format binary)\n"
        "insert into raw_data.psql_merged select * from d on conflict (sessionid) do update set userid = excluded.userid,"
        " channel = excluded.channel, ts = excluded.ts, refunded = excluded.refunded, amount = excluded.amount,"
        " updated_at = excluded.updated_at;\ncommit;\n"
    )
    out = "\\copy (select * from public.sessions{where}) to pstdout (format binary)\n"
    small = (
        "begin;\ncreate table raw_data.psql_new(name varchar(32), gender varchar(8));\n"
        f"\\copy raw_data.psql_new from program 'curl -sf {url}' csv header\n" + swap
    )
    return {
        "A": Work("A", "plain", (load + swap,), "CSV file -> table, no checks"),
        "D": Work("D", "checked", (load + judge + swap,), "A with contract, row rules, profile, drift, counts"),
        "DG": Work("DG", "judged", (load + judge + swap,), "A with the same checks as a Great Expectations suite"),
        "B": Work("B", "copied", (out.format(where=""), pipe_in + swap), "database -> table"),
        "B2": Work("B2", "merged", (out.format(where=" where updated_at >= '{day}'"), merge), "merge of 2 %"),
        "C": Work("C", "small", (small,), "100 rows over HTTP, cold process"),
    }
