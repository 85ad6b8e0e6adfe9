"""`headgate erase`: after it nothing that is kept of a table holds the rows of a key, and nothing brings them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import zstandard

from deployments import settings
from deployments.errors import HeadgateError
from expectations.contract.mask import masked
from tasks import erase as erasing_tasks
from tasks import report, spool
from tasks.deciding import named
from tasks.notices.notice import Notice
from tasks.notices.outbox import Letter, Outbox
from tasks.objects.store import open_store
from tasks.rollback import choose, take_back, target_of
from tasks.workbench import workbench

KEY, NAME, NOTE = "MARKid-77", "MARKname Möller", "MARKnote, who said"
COLUMNS = """
columns:
  - {name: customer, type: varchar(40), nullable: false}
  - {name: name, type: varchar(40)}
  - {name: amount, type: integer}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [customer]
"""
TABLE = """
description: Customers.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/customers%s.csv"}
%s
"""
WHOLE = TABLE % ("", "") + COLUMNS + "load: {mode: full_refresh, generations: 3, tolerance: 90%%}\n"
DAILY = TABLE % ("-{window.start:%d}", "window: {every: day, timezone: UTC, start: 2026-01-01}") + COLUMNS
SUITE = """
table: {schema}.customers
expectations:
  - {code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {column: amount, max_value: 100}, rows: quarantine}
  - {code: KNOWN, type: expect_column_values_to_not_match_regex, kwargs: {column: name, regex: "^MARK"}, severity: warning}
"""
HEADER = "customer,name,amount,at\n"
OTHERS = "".join(f"other-{n},Name {n},{n},2026-01-01 00:00:00\n" for n in range(5))
THEIRS = f"{KEY},{NAME},1,2026-01-01 00:00:00\n"


@pytest.fixture(autouse=True)
def of_the_house(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "read_settings", lambda: house.place.settings)


def loaded(house: Any) -> str:
    """A table whose every kind of memory holds the marks: two publishes, a row set aside, a rule that names the key."""
    table = str(house.declare("customers", WHOLE.replace("%%", "%"), SUITE))
    house.source("customers.csv", HEADER + OTHERS + THEIRS)
    house.load(table)
    house.source(
        "customers.csv", HEADER + OTHERS + THEIRS.replace(",1,", ",2,") + f'other-9,"{NOTE}",900,\n{KEY},x,901,\n'
    )
    house.load(table)
    return table


def kept(house: Any) -> Iterator[tuple[str, str]]:
    """(place, content) of everything that this project has anywhere."""
    found = house.place.ask(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND n.nspname IN (%s, 'ops', 'quarantine')", (house.schema,),
    )  # fmt: skip
    for schema, name in found:
        if schema == "quarantine" and not name.startswith(house.schema):
            continue
        rows = map(str, house.place.ask(f'SELECT * FROM {schema}."{name}"'))
        # Tables of all projects name whose rows they are.
        yield f"{schema}.{name}", "".join(row for row in rows if schema != "ops" or house.schema in row)
    store = open_store(house.place.settings.stage_url)
    for key in store.keys(""):
        data = store.get(key)
        packed = key.endswith(".zst")
        yield (
            f"stage {key}",
            (zstandard.ZstdDecompressor().decompressobj().decompress(data) if packed else data).decode(),
        )
    for file in house.place.settings.state.rglob("*"):
        text = file.read_text(errors="replace") if file.is_file() else ""
        # The report has pages of all runs that the warehouse knows.
        if house.schema in text:
            yield f"state {file.name}", text


def places(house: Any, text: str) -> list[str]:
    # JSON in `ops` and on disk writes what isn't ASCII as escapes, or as it is.
    return sorted({place for place, content in kept(house) if text in content or json.dumps(text)[1:-1] in content})


def put_a_letter(house: Any, table: str) -> None:
    from datetime import UTC, datetime

    notice = Notice("i", "t", "opened", datetime.now(UTC), f"customer={KEY}", "critical", tables=(table,))
    Outbox(house.place.settings.state).put(Letter(notice, "mail", datetime.now(UTC)))


def test_nothing_is_left_anywhere(house: Any, command: Callable[..., Any]) -> None:
    house.place.forget_runs()
    table = loaded(house)
    put_a_letter(house, table)
    report.build(workbench())
    name = table.replace(".", "__")
    before = places(house, KEY)
    assert {table, "ops.run_record", "ops.profile", f"quarantine.{name}"} <= set(before)
    assert [place for place in before if place.startswith(f"{table}__hg_g")], "an earlier generation"
    assert [place for place in before if place.startswith("stage ")]
    assert [place for place in before if place.startswith("state ") and place.endswith(".html")]
    others = house.rows(table, "customer")
    done = command("erase", table, "--key", KEY, "--reason", f"request 12 of {KEY}", "--by", "dana", "--json")
    assert done.code == 0
    assert (done.json["live"], done.json["set_aside"]) == (1, 1)
    assert KEY not in done.out
    for text in (KEY, "MARKname", "MARKid"):
        assert places(house, text) == []
    assert house.rows(table, "customer") == [row for row in others if row != (KEY,)]
    # The row of somebody else that was set aside, and what it says, stay.
    assert [place for place in places(house, "MARKnote") if place.startswith("quarantine")]
    assert [place for place in places(house, "Name 3") if place == "ops.profile"]
    ((by, what, column, reason),) = house.place.ask(
        "SELECT decided_by, what, column_name, reason FROM ops.decision WHERE kind = 'erase' AND target = %s", (table,)
    )
    assert (by, column, reason) == (named("dana"), "customer", "request 12 of (erased)")
    assert what.startswith("1 live, 1 set aside, ")


SUMMARY = """/*
target: {schema}.NAME
description: Paid by customer.
owner: a@example.com
inputs: [{table: {schema}.customers}]
columns:
  - {name: customer, type: varchar(40), nullable: false}
  - {name: paid, type: bigint, metric: paid}
key: [customer]
*/
SELECT customer, SUM(TIMES * amount) AS paid FROM {schema}.customers GROUP BY customer
"""
METRICS = "metrics:\n  paid: {definition: What was paid., owner: a@example.com, adds_up: sum}\n"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_figures_of_summaries_that_differ_name_nobody_any_more(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    (house.folder / "summaries").mkdir()
    (house.folder / "metrics.yaml").write_text(METRICS)
    for name, times in (("once", "1"), ("twice", "2")):
        text = SUMMARY.replace("NAME", name).replace("TIMES", times).replace("{schema}", house.schema)
        (house.folder / "summaries" / f"{name}.sql").write_text(text)
    house.open()
    for name in ("once", "twice"):
        command("run", f"{house.schema}.{name}")
    asked = "SELECT examples FROM ops.metric_comparison WHERE target LIKE %s"
    ((before,),) = house.place.ask(asked, (f"{house.schema}.%",))
    assert KEY in before
    assert command("erase", table, "--key", KEY, "--reason", "request 12", "--by", "dana").code == 0
    ((after,),) = house.place.ask(asked, (f"{house.schema}.%",))
    assert KEY not in after
    assert "other-3" in after


def test_a_letter_that_is_delivered_meanwhile_is_passed_over(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    put_a_letter(house, table)
    outbox = house.place.settings.state / "outbox"
    # As the listing of the folder still has it.
    (outbox / "delivered.json").symlink_to(outbox / "gone.json")
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    (outbox / "delivered.json").unlink()
    assert places(house, KEY) == []


def test_the_books_still_agree(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    assert command("erase", "--reason", "r7", table, "--key", KEY).code == 0
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 0, (
        "a second time there is nothing"
    )
    house.source("customers.csv", HEADER + OTHERS)
    said = command("plan", table).out + command("run", table).out
    assert "somebody else has changed" not in said
    again = command("erase", "--reason", "r7", table, "--key", "nobody-1")
    assert "nothing is kept of this key; that it was asked for is recorded" in again.out
    assert f"{table}: erased" not in again.out
    assert command("erase", "--reason", "r7", table, "--key", "nobody-1", "--json").json["nothing_found"] is True
    assert command("repair", table, "--plan").out.startswith(("nothing", "the books"))
    assert "1 rows" not in command("erase", table, "--key", KEY, "--plan").out


def undone(house: Any, table: str, **which: Any) -> Any:
    bench = workbench()
    target = target_of(bench, table)
    chosen = choose(bench, target, which.get("batch"), which.get("to"))
    return take_back(bench, target, chosen, "undo-1", "dana", "")


def test_an_undo_brings_nothing_back(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    command("erase", "--reason", "r7", table, "--key", KEY)
    with pytest.raises(HeadgateError) as refused:
        undone(house, table)
    assert refused.value.code == "ROLLBACK-NOT-KEPT"
    assert (KEY,) not in house.rows(table, "customer")


def test_an_undo_of_what_never_held_it_goes_on_as_before(house: Any, command: Callable[..., Any]) -> None:
    table = str(house.declare("customers", WHOLE.replace("%%", "%")))
    for amount, rows in (("1", OTHERS), ("2", OTHERS + THEIRS), ("3", OTHERS.replace("Name 1", "N"))):
        house.source("customers.csv", HEADER + rows)
        house.load(table)
        if amount == "2":
            # Readers have it now; the table as it was before doesn't.
            assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    before = len(house.rows(table))
    undone(house, table)
    undone(
        house,
        table,
        to=house.place.ask("SELECT run_id FROM ops.run WHERE target = %s ORDER BY started_at", (table,))[0][0],
    )
    assert len(house.rows(table)) == before
    assert (KEY,) not in house.rows(table, "customer")


@pytest.mark.parametrize("mode", ["append", "merge", "replace_window, window_column: at"])
def test_a_windowed_table(house: Any, command: Callable[..., Any], mode: str) -> None:
    table = str(house.declare("customers", DAILY + f"load: {{mode: {mode}, generations: 5}}\n"))
    house.source("customers-01.csv", HEADER + OTHERS)
    house.source("customers-02.csv", HEADER + THEIRS.replace("-01 ", "-02 ") + "b,B,2,2026-01-02 00:00:00\n")
    house.source("customers-03.csv", HEADER + "c,C,3,2026-01-03 00:00:00\n")
    for label in ("2026-01-01", "2026-01-02", "2026-01-03"):
        house.load(table, label)
    assert command("erase", "--reason", "r7", table, "--key", f"customer={KEY}", "--json").json["live"] == 1
    assert "somebody else has changed" not in command("plan", table).out
    # The publish that never held it can be undone, the other one can't.
    assert undone(house, table).rows_taken_out == 1
    with pytest.raises(HeadgateError) as refused:
        undone(house, table, batch=house.place.ask(
            f"SELECT batch_key FROM ops.proof__{table.replace('.', '__')} WHERE sequence = 2")[0][0])  # fmt: skip
    assert refused.value.code in ("ROLLBACK-NOT-KEPT", "ROLLBACK-ORDER")
    assert {row[0] for row in house.rows(table, "customer")} == {*(f"other-{n}" for n in range(5)), "b"}


@pytest.mark.parametrize("mode", ["merge", "replace_window, window_column: at"])
def test_the_first_publish_is_taken_back_without_what_was_erased_of_it(
    house: Any, command: Callable[..., Any], mode: str
) -> None:
    table = str(house.declare("customers", DAILY + f"load: {{mode: {mode}, generations: 5}}\n"))
    house.source("customers-01.csv", HEADER + OTHERS + THEIRS)
    house.source("customers-02.csv", HEADER + "b,B,2,2026-01-02 00:00:00\n")
    house.load(table, "2026-01-01")
    house.load(table, "2026-01-02")
    assert command("erase", "--reason", "r7", table, "--key", f"customer={KEY}", "--json").json["live"] == 1
    # Whose rows they were, no column tells where rows are merged: it was the one that is left.
    assert undone(house, table).rows_taken_out == 1
    first = house.place.ask(f"SELECT batch_key FROM ops.proof__{table.replace('.', '__')} WHERE sequence = 1")[0][0]
    assert undone(house, table, batch=first).rows_taken_out == 5
    assert house.rows(table, "customer") == []


@pytest.mark.effect("headgate erase --plan", "headgate erase --json", "headgate erase TABLE")
def test_a_plan_changes_nothing(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    before = sorted(kept(house))
    told = command("erase", table, "--key", KEY, "--plan", "--json").json
    assert (told["erased"], told["live"], told["set_aside"]) == (False, 1, 1)
    assert told["staged"] == 2
    said = command("erase", table, "--key", KEY, "--plan").out
    assert f"{table:<34} 1 row\n" in said
    assert sorted(kept(house)) == before


@pytest.mark.effect("headgate erase --key", "headgate erase --by", "headgate erase --reason")
def test_a_row_by_another_column(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    told = command("erase", table, "--key", "customer=other-1", "--key", "amount=2", "--plan", "--json").json
    assert told["live"] == 0, "both must hold"
    unsaid = command("erase", table, "--key", "amount=3")
    assert (unsaid.code, "--reason" in unsaid.out) == (2, True)
    assert command("erase", table, "--key", "amount=3", "--by", "maria", "--reason", "r7", "--json").json["live"] == 1
    decided = "SELECT decided_by, reason FROM ops.decision WHERE kind = 'erase' AND target = %s"
    assert house.place.ask(decided, (table,)) == [(named("maria"), "r7")]


@pytest.mark.parametrize(("key", "said"), [
    ("nobody=1", None), ("amount=x", "isn't one of the type of amount"),
    ("custmer=x", "no column 'custmer'; did you mean 'customer'?"),
])  # fmt: skip
def test_what_is_no_key_is_told(house: Any, command: Callable[..., Any], key: str, said: str | None) -> None:
    table = loaded(house)
    done = command("erase", table, "--key", key, "--plan")
    if said is None:
        # The table's key is one column: all of it is a value.
        assert f"{table:<34} 0 rows" in done.out
    else:
        assert done.error.code == "ERASE-KEY"
        assert said in done.error.message
        assert "'x'" not in str(done.error)


def test_a_load_that_may_go_on_is_waited_for(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house)
    folder = house.place.settings.state / "spool" / "run-7"
    spool.hold(folder, table, "abc", f"{table}/run-7-abc")
    try:
        assert command("erase", "--reason", "r7", table, "--key", KEY).error.code == "ERASE-BUSY"
    finally:
        spool.release(folder)
    # A candidate of another machine, of which nothing is known.
    from datetime import UTC, datetime

    from tasks.batch import new_attempt

    house.place.ask(f"CREATE TABLE {table}__hg_c{new_attempt(datetime.now(UTC))}0 (customer varchar(40))")
    assert command("erase", "--reason", "r7", table, "--key", KEY).error.code == "ERASE-BUSY"
    assert (KEY,) in house.rows(table, "customer")


@pytest.mark.parametrize("pii_key", ["k" * 32])
def test_a_hashed_key_is_given_as_it_is(house: Any, command: Callable[..., Any]) -> None:
    table = str(
        house.declare(
            "customers",
            WHOLE.replace("%%", "%").replace("customer, type: varchar(40)", "customer, type: varchar(64)")
            + "pii: {customer: hash}\n",
        )
    )
    house.source("customers.csv", HEADER + OTHERS + THEIRS)
    house.load(table)
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    assert places(house, masked(KEY, b"k" * 32)) == []
    assert len(house.rows(table)) == 5


@pytest.mark.parametrize("pii_key", ["k" * 32])
def test_an_undo_brings_no_row_back_that_was_hashed_with_the_key_before(
    house: Any, command: Callable[..., Any]
) -> None:
    hashed = WHOLE.replace("%%", "%").replace("customer, type: varchar(40)", "customer, type: varchar(64)")
    table = str(house.declare("customers", hashed + "pii: {customer: hash}\n"))
    house.source("customers.csv", HEADER + OTHERS + THEIRS)
    house.load(table)
    house.place.settings = replace(house.place.settings, pii_key="n" * 32, pii_key_before="k" * 32)
    house.open()
    house.load(table, reprocess=True)
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    for key in (b"k" * 32, b"n" * 32):
        assert places(house, masked(KEY, key)) == []


def test_rows_that_were_set_aside_are_shown_nowhere_any_more(house: Any, command: Callable[..., Any]) -> None:
    table = str(house.declare("customers", WHOLE.replace("%%", "%"), SUITE))
    house.source("customers.csv", f"{HEADER}{OTHERS}{KEY},MARKaside,900,\nother-9,MARKother,900,\n")
    house.load(table)
    assert "ops.run_record" in places(house, "MARKaside")
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["set_aside"] == 1
    assert places(house, "MARKaside") == []
    assert "ops.run_record" in places(house, "MARKother")


def test_values_that_are_words_of_a_record_leave_it_readable(house: Any, command: Callable[..., Any]) -> None:
    table = str(house.declare("customers", WHOLE.replace("%%", "%"), SUITE))
    house.source("customers.csv", HEADER + OTHERS + THEIRS.replace(NAME, "published"))
    record = house.load(table)
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    assert command("show", record.run_id, "--json").json["status"] == record.status == "published"


def test_killed_on_the_way_the_same_command_does_the_rest(
    house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = loaded(house)
    with monkeypatch.context() as patch:

        def killed(*_: object) -> int:
            raise RuntimeError

        patch.setattr(erasing_tasks.erasing, "erase_rows", killed)
        with pytest.raises(RuntimeError):
            command("erase", "--reason", "r7", table, "--key", KEY)
    assert (KEY,) in house.rows(table, "customer")
    assert command("erase", "--reason", "r7", table, "--key", KEY, "--json").json["live"] == 1
    for text in (KEY, "MARKname"):
        assert places(house, text) == []
