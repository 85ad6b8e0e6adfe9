"""The site as a whole: what a run changes, what stays when runs come at once, twice, late or are undone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from expectations.record import Drift, DriftAlert, Failure
from expectations.report import shelf as at
from expectations.report.model import Facts, Publish, RunTwin
from expectations.report.site import Site

TABLE = "raw_data.sales"


def page(site, key):
    return site.shelf.get(key).decode()


def test_a_run_writes_its_page_its_tables_and_the_start_page_each_with_a_twin(site, sales, run_of, soon):
    record = run_of(0)
    added = site.add(record, sales, soon(record))
    assert added.page == f"tables/{TABLE}/runs/{record.run_id}.html"
    assert set(site.shelf.keys("")) == {
        "index.html", "index.json", f"start/{TABLE}.json", f"tables/{TABLE}/history.jsonl", f"tables/{TABLE}/index.html",
        f"tables/{TABLE}/index.json", added.page, added.page.replace(".html", ".json"),
    }  # fmt: skip
    start = json.loads(page(site, "index.json"))
    assert (start["tables"][0]["table"], start["tables"][0]["state"]) == (TABLE, "good")


def test_the_start_page_links_the_newest_hand_over(site, sales, run_of, soon):
    site.add(run_of(0), sales, soon(run_of(0)))
    assert "handover/" not in page(site, "index.html")
    for name in ("2026-02-23.html", "2026-03-02.html", "2026-03-02.json"):
        at.write(site.shelf, f"handover/{name}", "{}")
    site.write_start(soon(run_of(0)))
    assert 'href="handover/2026-03-02.html"' in page(site, "index.html")
    assert page(site, "index.html").count("handover/") == 1


def test_telling_a_run_twice_changes_nothing(site, sales, run_of, soon):
    record = run_of(0)
    for _ in range(2):
        site.add(record, sales, soon(record))
        written = {key: page(site, key) for key in site.shelf.keys("")}
    site.add(record, sales, soon(record))
    assert {key: page(site, key) for key in site.shelf.keys("")} == written
    assert len(at.read_lines(site.shelf, TABLE)) == 1


def test_a_table_that_never_ran_is_on_the_start_page(site, sales, run_of, soon):
    other = sales.model_copy(update={"table": "raw_data.refunds"})
    site.add(run_of(0), sales, soon(run_of(0)), declared=[sales, other])
    assert {row.table: row.state for row in at.read_start_rows(site.shelf)} == {
        TABLE: "good",
        "raw_data.refunds": "never",
    }


def test_a_run_another_process_wrote_meanwhile_is_taken_into_the_index(site, sales, run_of, soon):
    first, second = run_of(0), run_of(1)
    site.add(first, sales, soon(first))
    before = at.read_lines(site.shelf, TABLE)
    site.add(second, sales, soon(second))
    # The slower process writes the index it knew; the next run finds the page of the one that is missing in it.
    at.write(site.shelf, at.history(TABLE), "".join(line.model_dump_json() + "\n" for line in before))
    third = run_of(2)
    site.add(third, sales, soon(third))
    assert [line.label for line in at.read_lines(site.shelf, TABLE)] == ["2026-03-01", "2026-03-02", "2026-03-03"]


def test_runs_that_end_at_the_same_moment_all_arrive(site, sales, run_of, soon):
    tables = [sales.model_copy(update={"table": f"raw_data.t{n}"}) for n in range(6)]
    runs = [(run_of(day, table=of.table), of) for day in range(4) for of in tables]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: Site(site.shelf).add(pair[0], pair[1], soon(pair[0])), runs))
    assert {of.table: len(at.read_lines(site.shelf, of.table)) for of in tables} == {of.table: 4 for of in tables}
    assert len(json.loads(page(site, "index.json"))["tables"]) == 6


def test_old_pages_go_and_their_lines_stay(site, sales, run_of, soon):
    small = Site(site.shelf, keep_pages=3, keep_lines=5)
    for day in range(8):
        small.add(run_of(day), sales, soon(run_of(day)))
    assert at.run_ids(site.shelf, TABLE) == [run_of(day).run_id for day in (5, 6, 7)]
    assert len(at.read_lines(site.shelf, TABLE)) == 5
    assert run_of(4).run_id not in page(site, at.table_page(TABLE))


def test_the_page_of_a_run_says_when_it_was_undone(site, sales, run_of, soon):
    first, second = run_of(0), run_of(1)
    site.add(first, sales, soon(first))
    undone = Publish(sequence=1, batch_key=first.batch_key, kind="publish", run_id=first.run_id, undone_by=2,
                     published_at=first.started_at)  # fmt: skip
    site.add(second, sales, soon(second), Facts(publishes=(undone,)))
    assert "Undone: these rows were taken back." in page(site, at.run_page(TABLE, first.run_id))
    twin = RunTwin.model_validate_json(site.shelf.get(at.run_page(TABLE, first.run_id, "json")))
    assert twin.line.undone


def test_facts_that_could_not_be_asked_again_still_count(site, sales, run_of, soon):
    publish = Publish(
        sequence=1, batch_key=run_of(0).batch_key, kind="publish", run_id="x", published_at=run_of(0).started_at
    )
    site.add(run_of(0), sales, soon(run_of(0)), Facts(publishes=(publish,)))
    site.add(run_of(1), sales, soon(run_of(1)), None)
    assert at.read_twin(site.shelf, TABLE).facts.publishes == (publish,)


def test_rebuilding_gives_what_the_runs_had_given(site, sales, run_of, soon, tmp_path):
    records = [run_of(day, rows=100 + day) for day in range(5)]
    for record in records:
        site.add(record, sales, soon(records[-1]))
    again = Site(type(site.shelf)((tmp_path / "again").as_uri()))
    again.rebuild_table(sales, records, Facts(), soon(records[-1]))
    again.write_start(soon(records[-1]))
    assert {key: page(again, key) for key in again.shelf.keys("")} == {
        key: page(site, key) for key in site.shelf.keys("")
    }


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_text_of_the_data_stays_text(site, sales, run_of, soon, text):
    failure = Failure(
        code="X", family="upstream", step="s", message=text, who_must_act=text, next_command=f"headgate {text}"
    )
    alert = DriftAlert(
        column=text, kind="values", level="page", score=2, message=text, expected=f"{text} (1 to 2)", examples=(text,)
    )
    bad = run_of(0, status="failed", failure=failure, source=text, owner=text, warnings=(text,))
    told = run_of(1, status="warned", drift=Drift(verdict="page", score=2, alerts=(alert,)), label=text, owner=text)
    described = sales.model_copy(update={"description": text, "owner": text})
    site.add(bad, described, soon(bad))
    site.add(told, described, soon(told))
    for key in site.shelf.keys(""):
        if key.endswith(".html"):
            assert "<script>alert" not in page(site, key)
            assert "<img" not in page(site, key)
            assert ">49<" not in page(site, key)


def test_a_start_page_of_twenty_tables_with_a_thousand_runs_is_small(site, sales, run_of, soon):
    last = run_of(49)
    alert = DriftAlert(column="amount", kind="values", level="page", score=2, message="far from usual " * 10)
    for n in range(20):
        of = sales.model_copy(update={"table": f"raw_data.table_{n}", "owner": f"team-{n}@example.com"})
        records = [
            run_of(day, table=of.table, status="warned", drift=Drift(verdict="page", score=2, alerts=(alert,)))
            for day in range(50)
        ]
        site.rebuild_table(of, records, Facts(), soon(last))
    site.write_start(soon(last) + timedelta(days=3))
    assert len(site.shelf.get("index.html")) < 300_000


def test_what_is_told_of_many_tables_in_the_same_words_stands_once(site, sales, run_of, soon):
    """Six late tables of one owner, and two of another, don't hide the one that failed."""
    failure = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many", who_must_act="owner")
    names = [f"raw_data.a{n}" for n in range(6)] + [f"raw_data.b{n}" for n in range(2)]
    for name in names:
        of = sales.model_copy(update={"table": name, "owner": f"{name[-2]}@example.com"})
        record = run_of(0, table=name, owner=of.owner)
        site.add(record, of, soon(record))
    standard = sales.model_copy(update={"table": "raw_data.z", "tier": "standard", "promises": ()})
    for day in range(9):
        record = run_of(day, table=standard.table, **({"status": "failed", "failure": failure} if day == 8 else {}))
        site.add(record, standard, soon(record))
    page = site.shelf.get(at.START_PAGE).decode().replace("<wbr>", "")
    waiting = page.partition('id="waiting"')[2].partition("</section>")[0]
    assert waiting.count("<li") == 4
    assert "The same of 5 more tables" in waiting
    folded = waiting.partition("The same of 5 more tables")[2].partition("</details>")[0]
    assert [f'href="tables/raw_data.a{n}/index.html#fresh"' in folded for n in range(6)] == [False, *[True] * 5]
    assert all(
        waiting.count(f'href="tables/{name}/index.html') == 2 for name in ("raw_data.a0", "raw_data.b1", "raw_data.z")
    )
    assert "9 of 9 tables need somebody now" in page
