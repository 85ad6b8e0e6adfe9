"""SQL of summaries against the contracts: each fault is told with its line and what to write, and sound SQL without a word.

What is told as certain is held against a real server: it refuses the same texts, and runs all sound ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner

from flows.cli.check import check

TABLES = {
    "users": ("id integer!, name varchar(40)!, city varchar(40), country varchar(2)!, signed_up timestamp!", "id"),
    "orders": (
        "id integer!, user_id integer!, amount decimal(12,2)!, refunded boolean, status varchar(20)!, "
        "coupon varchar(20), ordered_at timestamp!",
        "id",
    ),
    "items": (
        "order_id integer!, line integer!, product_id integer!, quantity integer!, price decimal(12,2)!",
        "order_id, line",
    ),
    "products": ("id integer!, category varchar(40)!, cost decimal(12,2)", "id"),
    "payments": ("id integer!, order_id integer!, paid decimal(12,2)!", "id"),
    "events": ("user_id integer!, kind varchar(20)!, at timestamp!", ""),
    "visits": ("id integer!, user_id integer, channel varchar(20)!, at timestamp!", "id"),
}
TEXTS = Path(__file__).parent / "sql_of_summaries"


def texts(name: str) -> list[tuple[str, str]]:
    """(what stands behind ---, the SQL) of a file of texts."""
    parts = re.split(r"^--- (.*)\n", (TEXTS / f"{name}.sql").read_text(), flags=re.MULTILINE)[1:]
    return [(about, sql.strip("\n")) for about, sql in zip(parts[::2], parts[1::2], strict=True)]


def faults(name: str) -> list[tuple[str, int, str, str, str]]:
    """(SQL, line, what is told, what to write, the last word) of a file of faults."""
    found = [(sql, *about.split(" | ")) for about, sql in texts(name)]
    return [(sql, int(line), words, instead, last) for sql, line, words, instead, last in found]


RIGHT, WRONG, DOUBTFUL = dict(texts("right")), faults("wrong"), faults("doubtful")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[dict[str, Any]], list[str]]]:
    """Mistakes and notes of a SELECT among the declared tables. Its first line is the line `FIRST` of its file."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "summaries").mkdir()
    for name, (columns, key) in TABLES.items():
        listed = [f"  - {{name: {words[0]}, type: \"{words[1].rstrip('!')}\", nullable: {str('!' not in words[1]).lower()}}}"
                  for words in (column.split(" ") for column in columns.split(", "))]  # fmt: skip
        (tmp_path / "tables" / f"{name}.yaml").write_text(
            f"table: raw.{name}\ndescription: d\nowner: a@example.com\nsource: {{kind: csv, url: 'http://example.com/{name}.csv'}}\n"
            "columns:\n" + "\n".join(listed).replace("timestamp\"", "timestamp\", source_timezone: UTC")
            + (f"\nkey: [{key}]" if key else "") + "\nload: {mode: full_refresh}\n"
        )  # fmt: skip
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(sql: str, header: str = "") -> tuple[list[dict[str, Any]], list[str]]:
        inputs = "".join(f"  - table: raw.{name}\n" for name in TABLES)
        head = f"/*\ntarget: analytics.made\ndescription: d\nowner: a@example.com\ninputs:\n{inputs}{header}*/\n"
        assert head.count("\n") + 1 == FIRST + header.count("\n")
        (tmp_path / "summaries" / "made.sql").write_text(head + sql + "\n")
        result = CliRunner().invoke(check, ["--json"], catch_exceptions=False)
        found = json.loads(result.output)
        assert result.exit_code == (2 if found["problems"] else 0)
        return found["problems"], [note.rpartition("made.sql:")[2] for note in found["sql"]]

    return run


FIRST = 7 + len(TABLES)


def said(problem: dict[str, Any]) -> str:
    meant = f"; did you mean '{problem['nearest']}'" if problem["nearest"] else ""
    return f"{problem['message']}; allowed: {problem['allowed']}{meant}"


def test_there_are_thirty_right_and_sixty_wrong() -> None:
    assert (len(RIGHT) >= 30, len(WRONG) + len(DOUBTFUL) >= 60) == (True, True)


@pytest.mark.parametrize("name", RIGHT)
def test_sound_sql_passes_without_a_word(told: Any, name: str) -> None:
    assert told(RIGHT[name]) == ([], [])


@pytest.mark.parametrize(("sql", "line", "words", "instead"), [item[:4] for item in WRONG])
def test_what_is_wrong_is_told_with_its_line_and_what_to_write(
    told: Any, sql: str, line: int, words: str, instead: str
) -> None:
    problems, notes = told(sql)
    found = [problem for problem in problems if words in problem["message"]]
    assert [problem["line"] for problem in found] == [FIRST - 1 + line], problems
    assert found[0]["column"] > 0
    assert instead in said(found[0]), found
    assert (len(problems), notes) == (1, []), (problems, notes)


@pytest.mark.effect(
    "Summary.allow", "Summary.allow=joins", "Summary.allow=division", "Summary.allow=nulls", "Summary.allow=now",
    "Summary.allow=order", "Summary.allow=redshift",
)  # fmt: skip
@pytest.mark.parametrize(("sql", "line", "words", "instead", "kind"), DOUBTFUL)
def test_what_may_be_meant_is_a_note_that_a_reason_keeps_quiet(
    told: Any, sql: str, line: int, words: str, instead: str, kind: str
) -> None:
    problems, notes = told(sql)
    assert (problems, len(notes)) == ([], 1), (problems, notes)
    assert notes[0].startswith(f"{FIRST - 1 + line}:"), notes
    for text in (words, instead, f"allow: {{{kind}: why}}"):
        assert text in notes[0], notes
    assert told(sql, f"allow: {{{kind}: It is meant.}}\n") == ([], [])


@pytest.mark.effect("Summary.allow=postgresql")
def test_what_the_warehouse_of_the_project_does_not_read_is_wrong(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT user_id, COUNT(*) FILTER (WHERE refunded) AS n FROM raw.orders GROUP BY user_id"
    alias = "SELECT amount * 2 AS twice, twice + 1 AS more FROM raw.orders"
    monkeypatch.setenv("HEADGATE_WAREHOUSE_URL", "redshift://u:p@example.com/dev")
    assert [problem["message"] for problem in told(sql)[0]] == ["Redshift doesn't read FILTER"]
    assert "itself gives" in told(alias)[1][0]
    assert told(alias, "allow: {postgresql: It runs on Redshift only.}\n") == ([], [])


def test_a_reason_for_what_is_not_there_is_told(told: Any) -> None:
    problems, notes = told(RIGHT["by name"], "allow: {joins: It is meant.}\n")
    assert (problems, "nothing of that kind is found" in notes[0]) == ([], True)


def test_sql_of_checks_is_read_as_well(told: Any) -> None:
    header = "allow: {}\nexpectations:\n  - {code: X, type: unexpected_rows_expectation, " \
        "kwargs: {unexpected_rows_query: 'SELECT nmae FROM {batch} WHERE id = NULL'}}\n"  # fmt: skip
    problems, _ = told("SELECT id, name FROM raw.users", header)
    assert [(problem["line"], problem["message"]) for problem in problems] == [
        (FIRST + 1, "no table here has a column 'nmae'"), (FIRST + 1, "a comparison with NULL is never true"),
    ]  # fmt: skip


CONTRACT = """\
columns:
  - {name: country, type: varchar(2), nullable: false}
  - {name: people, type: integer, nullable: false}
key: [country]
"""
OF_CONTRACT = "SELECT country, COUNT(*) AS people FROM raw.users GROUP BY country"


def test_a_contract_that_fits_is_no_word_worth(told: Any) -> None:
    assert told(OF_CONTRACT, CONTRACT) == ([], [])


@pytest.mark.parametrize(("sql", "header", "line", "words", "instead"), [
    ("SELECT country,\n  MAX(signed_up) AS people FROM raw.users GROUP BY country", CONTRACT, FIRST + 5,
     "'people' is a date or time here, and integer among the columns", "CAST(MAX(signed_up) AS integer)"),
    ("SELECT COUNT(*) AS people, country FROM raw.users GROUP BY country", CONTRACT, FIRST - 1,
     "stand in another order than in the SELECT", "people, country"),
    ("SELECT country FROM raw.users GROUP BY country", CONTRACT, FIRST + 1, "the SELECT makes no column 'people'", "country"),
    (OF_CONTRACT.replace("COUNT(*)", "MAX(id) AS newest, COUNT(*)"), CONTRACT, FIRST - 1,
     "the SELECT makes newest besides", "- {name: newest, type: ...}"),
    (OF_CONTRACT, "on_schema_change: {removed: allow}\n", FIRST - 1, "has no meaning without columns", "columns"),
    (OF_CONTRACT, "pii: {country: hide}\n", FIRST - 1, "has no meaning without columns", "columns"),
    (OF_CONTRACT, CONTRACT + "pii: {contry: hide}\n", FIRST + 3, "'contry' isn't a column", "did you mean 'country'"),
    (OF_CONTRACT, CONTRACT + "on_schema_change: {added: allow}\n", FIRST + 3, "is about what a source delivers", "removed"),
    (OF_CONTRACT, CONTRACT.replace("varchar(2), nullable: false", "varchar(2)"), FIRST + 2,
     "part of the key but nullable", "nullable: false"),
    (OF_CONTRACT, CONTRACT.replace("key:", "  - {name: people, type: bigint}\nkey:"), FIRST + 2, "'people' stands twice", "once"),
])  # fmt: skip
def test_a_contract_that_does_not_fit(told: Any, sql: str, header: str, line: int, words: str, instead: str) -> None:
    problems, _ = told(sql, header)
    found = [problem for problem in problems if words in problem["message"]]
    assert [problem["line"] for problem in found] == [line], problems
    assert instead in said(found[0])
    assert len(problems) == 1, problems


def test_a_column_that_may_be_empty_against_its_contract(told: Any) -> None:
    sql = "SELECT u.country, o.coupon AS people FROM raw.users AS u JOIN raw.orders AS o ON o.user_id = u.id"
    header = CONTRACT.replace("type: integer", "type: varchar(20)").replace("key: [country]\n", "")
    problems, notes = told(sql, header)
    assert (problems, "'people' may be empty here, and is nullable: false among the columns" in notes[0]) == ([], True)
    assert told(sql, header + "allow: {nulls: Every order has one.}\n") == ([], [])


@pytest.fixture(scope="module")
def server(new_database: Callable[[], str]) -> Any:
    """A PostgreSQL with the tables as they are declared."""
    with closing(psycopg2.connect(new_database())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA raw")
            for name, (columns, key) in TABLES.items():
                unique = f", UNIQUE ({key})" if key else ""
                cursor.execute(f"CREATE TABLE raw.{name} ({columns.replace('!', ' NOT NULL')}{unique})")
            yield cursor


def test_a_server_runs_every_sound_text(server: Any) -> None:
    for sql in RIGHT.values():
        server.execute(sql)


def test_a_server_refuses_what_is_told_as_certain(server: Any) -> None:
    for sql, _, words, _, refused in WRONG:
        if refused == "refused":
            try:
                server.execute(f"CREATE TEMPORARY VIEW made AS {sql}")
            except psycopg2.Error:
                continue
            pytest.fail(f"{words}: {sql}")


def test_what_redshift_alone_has_leads_to_the_key_that_says_so(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT id,\n  DATEDIFF(day, ordered_at, '2024-12-31') AS days FROM raw.orders"
    (problem,) = told(sql)[0]
    assert (problem["line"], problem["message"]) == (FIRST + 1, "PostgreSQL has no DATEDIFF()")
    assert problem["allowed"] == "in the header: written_for: redshift"
    assert told(sql, "written_for: redshift\n") == ([], [])
    wrong = "SELECT id,\n  AVG(amount) OVER (PARTITION BY user_id) AS mean FROM raw.orders"
    (problem,) = told(wrong, "written_for: redshift\n")[0]
    assert (problem["line"], problem["allowed"]) == (FIRST + 2, "AVG(CAST(x AS double precision))")
    # On Redshift it goes as it stands: what PostgreSQL would make of it is a note.
    monkeypatch.setenv("HEADGATE_WAREHOUSE_URL", "redshift://u:p@example.com/dev")
    assert (told(sql, "written_for: redshift\n"), told(wrong, "written_for: redshift\n")[0]) == (([], []), [])
    assert "not on PostgreSQL" in told(wrong, "written_for: redshift\n")[1][0]
    assert told(wrong, "written_for: redshift\nallow: {postgresql: It runs on Redshift only.}\n") == ([], [])


def test_a_balance_goes_to_both_as_it_stands(told: Any) -> None:
    sql = "SELECT user_id, SUM(amount) AS s FROM raw.orders GROUP BY user_id"
    # The last input is `visits`: what follows it belongs to it.
    balance = "    balances: [{code: SUM, here: 'SUM(NVL(s, 0))', there: COUNT(*)}]\nwritten_for: redshift\n"
    (problem,) = told(sql, balance)[0]
    assert "a balance goes to both warehouses as it stands" in problem["message"]
    assert told(sql, balance.replace("NVL", "COALESCE")) == ([], [])
