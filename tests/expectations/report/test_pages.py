"""Pages: self-contained, every text from the catalogue, and what an owner has to find on them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from expectations import report
from expectations.record import Drift, DriftAlert, Failure, QuarantineReason, RuleResult, Step
from expectations.report import shelf as at
from expectations.report.actions import Form, Links
from expectations.report.model import Decision, Facts, Publish
from expectations.report.site import Site
from expectations.report.texts import Texts

FOLDER = Path(report.__file__).parent
ALERT = DriftAlert(column="amount", kind="values", level="page", score=4.0, since="2026-03-02", expected="20 (10 to 30)",
                   message="The mean of amount: expected 20 (10 to 30), seen 2,000.", observed="2,000",
                   smallest_change="above 30")  # fmt: skip
BAND = {"column": "amount", "kind": "values", "figure": "the mean of amount", "low": 0.5, "high": 1.5, "expected": 1.0,
        "observed": 5.0, "score": 4.0}  # fmt: skip
RULE = RuleResult(code="SAL-FULL", type="t", sentence="amount has a value in every row", severity="warning", outcome="fail",
                  place="candidate", rows_checked=100, rows_failed=5, failing_keys=({"id": 7},),
                  message="amount has no value in 5 of 100 rows")  # fmt: skip
ASIDE = QuarantineReason(code="SAL-AMOUNT", column="amount", rows=1, sentence="breaks the rule: amount is at least 0")


@pytest.fixture
def bad_day(run_of):
    """A day with everything that can be told of a published batch."""
    return run_of(
        8, status="warned", mean=2000.0, rules=(RULE,), quarantine=(ASIDE,), steps=(Step(name="extract", seconds=1, line="x"),),
        counts={"extracted": 100, "published": 99, "quarantined": 1, "superseded": 0},
        drift=Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,), bands={"figures": [BAND]}),
    )  # fmt: skip


@pytest.fixture
def told(site, sales, run_of, soon, bad_day):
    """Nine days, the last one bad; answers the text of a page by its key."""
    for day in range(8):
        site.add(run_of(day), sales, soon(run_of(day)))
    site.add(bad_day, sales, soon(bad_day))
    return lambda key: re.sub(
        r"<(style|script|head).*?</\1>|<[^>]+>", " ", site.shelf.get(key).decode().replace("<wbr>", ""), flags=re.S
    )


def test_no_page_refers_to_anything_outside(site, told):
    for key in site.shelf.keys(""):
        if not key.endswith(".html"):
            continue
        text = site.shelf.get(key).decode()
        for address in re.findall(r"(?:href|src|url|action)\s*[=(]\s*[\"']?([^\"')\s>]+)", text):
            assert not re.match(r"(https?:)?//", address), (key, address)
        assert "default-src 'none'" in text


def test_every_link_leads_to_a_page_that_is_there(site, told):
    keys = set(site.shelf.keys(""))
    for key in [key for key in keys if key.endswith(".html")]:
        for address in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', site.shelf.get(key).decode()):
            target = (Path("/") / key).parent / address
            assert str(Path(*_resolved(target))) in keys, (key, address)


def _resolved(path):
    parts = []
    for part in path.parts[1:]:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return parts


def test_the_start_page_says_what_waits_and_for_whom(told):
    text = told("index.html")
    assert "1 of 1 tables wants a look" in text
    assert ALERT.message in text
    assert "who acts: sales@example.com" in text
    assert "1 row was set aside: breaks the rule: amount is at least 0." in text


def test_the_table_page_answers_whether_it_is_good_and_what_to_type(told):
    text = " ".join(told(at.table_page("raw_data.sales")).split())
    assert "Published, but look at it before you rely on it." in text
    assert "Readers see everything up to batch 2026-03-09" in text
    assert "--column amount --kind values" in text.replace(" </span>", "")
    assert (
        "failing rows are set aside, the rest is published; more than 1.0 % of the rows: batch is not published" in text
    )
    assert "Promised to finance: the data of each batch is here by 06:00 (UTC)" in text


def test_an_old_window_that_is_loaded_again_is_not_the_newest_batch(site, sales, run_of, soon):
    passed = RULE.model_copy(update={"outcome": "pass", "rows_failed": 0})
    later = run_of(8).finished_at
    runs = [run_of(day, rules=(passed,), drift=Drift(verdict="pass", score=0.1, history=day)) for day in range(9)]
    runs.append(run_of(1, rules=(passed,), drift=Drift(verdict="learning", score=0.0, history=1), run_id="sales-again",
                       started_at=later, finished_at=later + timedelta(seconds=30)))  # fmt: skip
    for run in runs:
        site.add(run, sales, soon(runs[-1]))
    text = site.shelf.get(at.table_page("raw_data.sales")).decode()
    assert "sales-again" in text
    assert "too few batches to compare with" not in text
    assert "The one rule passed, and nothing unusual was seen." in text


def test_the_run_page_tells_observed_against_expected_place_keys_and_change(told, bad_day):
    text = " ".join(told(at.run_page("raw_data.sales", bad_day.run_id)).split())
    for said in (
        "100 rows were read, 99 published.", "100 read = 99 published + 1 set aside + 0 older versions",
        "5 of 100 rows broke it (5.0 %)", "id 7", "before publish", "seen 2,000", "usual 10 – 30",
        "A week before: 2026-03-02", "× 100", "Since 2026-03-02.",
    ):  # fmt: skip
        assert said in text, said


def test_a_failed_batch_says_what_readers_see(site, sales, run_of, soon, told):
    failure = Failure(code="CHECK-FAILED", family="upstream", step="validate", message="sales: 1 critical check failed",
                      who_must_act="owner of the source", next_command="headgate show sales-x")  # fmt: skip
    failed = run_of(9, status="failed", failure=failure, counts={})
    site.add(failed, sales, soon(failed))
    text = " ".join(told(at.table_page("raw_data.sales")).split())
    assert "What failed: batch 2026-03-10. Nothing of it reached readers." in text
    assert "Readers still see what was published before: up to batch 2026-03-09" in text
    assert "headgate run raw_data.sales --window 2026-03-10" in text


def test_the_runs_of_a_table_say_how_many_rows_a_failed_one_had_read(site, sales, run_of, soon):
    failure = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many rows fail",
                      who_must_act="owner of the source")  # fmt: skip
    read = Step(name="extract", seconds=1, rows=644, line="644 rows")
    failed = run_of(0, status="failed", failure=failure, counts={}, steps=(read,))
    site.add(failed, sales, soon(failed))
    assert 'data-label="Read" class="num">644<' in site.shelf.get(at.table_page("raw_data.sales")).decode()


@pytest.mark.parametrize(
    ("code", "message", "verdict"),
    [
        ("TOLERANCE", "too many rows fail\n  SAL-AMOUNT: 66 of 644 rows (10.2%), tolerated 1.0%", "failed"),
        (
            "TOLERANCE",
            "too many rows fail\n  all reasons: 66 of 644 rows (10.2%): SAL-AMOUNT 66",
            "passed after 66 rows were set aside",
        ),
    ],
)
def test_the_rule_whose_rows_ended_a_run_is_among_its_rules(site, sales, run_of, soon, code, message, verdict):
    failure = Failure(
        code=code, family="upstream", step="validate", message=message, who_must_act="owner of the source"
    )
    failed = run_of(
        0, status="failed", failure=failure, counts={}, steps=(Step(name="extract", seconds=1, rows=644, line="644 rows"),),
        quarantine=(ASIDE.model_copy(update={"rows": 66}), ASIDE.model_copy(update={"code": "CAST", "rows": 1})),
    )  # fmt: skip
    site.add(failed, sales, soon(failed))
    page = site.shelf.get(at.run_page("raw_data.sales", failed.run_id)).decode()
    checks = " ".join(re.sub(r"<[^>]+>", " ", page.partition('id="checks"')[2].partition("</section>")[0]).split())
    assert f"SAL-AMOUNT ! {verdict} 66 of 644 rows broke it (10.2 %)" in checks.replace("✕", "!")
    assert "CAST" not in checks
    assert "The run ended before its rules could be judged over the whole batch." in checks
    assert "No rule was checked" not in checks


def test_a_change_of_a_table_without_windows_is_told_since_the_moment_of_its_load(site, sales, run_of, soon):
    whole = sales.model_copy(update={"window": None})
    source = {"label": "source", "batch_key": "source", "window_start": None, "window_end": None}
    for day, since in ((0, ""), (1, "source"), (2, "#5"), (3, "#2")):
        alerts = (ALERT.model_copy(update={"since": since}),) if since else ()
        drift = Drift(verdict="page", score=4.0, history=8, alerts=alerts, left_out=("#5",) if day == 3 else ())
        record = run_of(day, **source, sequence=day + 4, status="warned", drift=drift)
        site.add(record, whole, soon(record))
    said = [
        re.sub(
            r"<[^>]+>", "", site.shelf.get(at.run_page(whole.table, run_of(day).run_id)).decode().replace("<wbr>", "")
        )
        for day in range(4)
    ]
    loaded = "3 Mar 2026, 02:00 UTC"
    assert f"Since {loaded}." in said[1]
    assert f"Since {loaded}." in said[2]
    # Of a load whose run is no longer known there is nothing to say.
    assert "Since" not in said[3]
    assert loaded in said[3]
    assert not any(name in page for page in said for name in ("Since source", "Since #"))


def test_decisions_of_owners_are_shown_and_close_what_they_answer(site, sales, run_of, soon, told, bad_day):
    at_noon = bad_day.started_at + timedelta(hours=5)
    decision = Decision(
        decided_at=at_noon, kind="accept-drift", column="amount", what="values", by="ada", reason="new prices"
    )
    site.add(bad_day, sales, at_noon, Facts(decisions=(decision,)))
    text = " ".join(told(at.table_page("raw_data.sales")).split())
    assert "accepted as usual amount · values ada new prices" in text
    assert "--kind values" not in text


def test_forms_are_linked_filled_in_with_what_they_know(site, sales, soon, bad_day):
    forms = {"rollback": Form("http://127.0.0.1:4200/deployments/deployment/1/run", frozenset({"table", "window"}))}
    linked = Site(site.shelf, links=Links(forms=forms))
    proof = Publish(sequence=9, batch_key=bad_day.batch_key, kind="publish", run_id=bad_day.run_id, can_undo=True,
                    published_at=bad_day.started_at)  # fmt: skip
    linked.add(bad_day, sales, soon(bad_day), Facts(publishes=(proof,)))
    page = site.shelf.get(at.run_page("raw_data.sales", bad_day.run_id)).decode()
    assert "deployment/1/run?parameters=%257B%2522table%2522%253A%2520%2522raw_data.sales%2522" in page
    assert "sales-2026" not in re.search(r"parameters=([^\"]+)", page)[1]


def test_late_is_told_even_when_nothing_ran(site, sales, told, bad_day):
    site.write_start(bad_day.started_at + timedelta(days=3))
    assert "The table was promised to finance by 11 Mar 2026, 06:00 UTC" in told("index.html")


def _keys(texts, prefix=""):
    for name, value in texts.items():
        if isinstance(value, dict) and set(value) != {"one", "other"}:
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_no_template_holds_words_of_its_own():
    for file in (FOLDER / "templates").glob("*.html"):
        bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", file.read_text(encoding="utf-8"), flags=re.S)
        assert re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", " ", bare)) == [], file.name


def test_every_text_that_is_asked_for_is_there_and_no_other():
    known = set(_keys(json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))))
    artifacts = FOLDER.parents[1] / "tasks" / "report_artifacts.py"
    sources = [artifacts, *FOLDER.glob("*.py"), *(FOLDER / "templates").glob("*.html")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    asked = set(re.findall(r"""\bt(?:exts)?\(\s*"([a-z_]+(?:\.[a-z_-]+)+)"(?! ~)""", text))
    assert asked - known == set()
    begun = {found.split("{")[0] for found in re.findall(r"""\bt(?:exts)?(?:\.known)?\(\s*f["']([^"']+)""", text)}
    begun |= set(re.findall(r"""\bt(?:\.known)?\(\s*"([a-z_.]+)" ~""", text))
    named = set(re.findall(r"""["']([a-z_]+(?:\.[a-z_-]+)+)["']""", text))
    unused = {key for key in known - asked - named if not any(key.startswith(start) for start in begun - {""})}
    assert unused == set()


def test_a_text_nobody_wrote_is_an_error():
    with pytest.raises(KeyError):
        Texts()("start.nonsense")


def test_publishing_all_the_same_names_the_rules_that_failed(site, sales, run_of, soon):
    rules = tuple(RULE.model_copy(update={"code": code, "severity": "critical"}) for code in ("SAL-A", "SAL-B"))
    failure = Failure(code="CHECK-FAILED", family="upstream", step="validate", who_must_act="owner of the source",
                      message="2 critical checks failed; nothing was published\n  SAL-A: no\n  SAL-B: no")  # fmt: skip
    failed = run_of(0, status="failed", failure=failure, rules=rules, counts={})
    site.add(failed, sales, soon(failed))
    for key in (at.table_page("raw_data.sales"), at.run_page("raw_data.sales", failed.run_id)):
        text = " ".join(re.sub(r"<[^>]+>", "", site.shelf.get(key).decode().replace("<wbr>", "")).split())
        assert "--override SAL-A --override SAL-B" in text
        assert "SAL-A: no" in text


def test_an_undo_is_offered_while_it_would_be_done(site, sales, soon, bad_day):
    def told(**changes):
        proof = Publish(sequence=9, batch_key=bad_day.batch_key, kind="publish", run_id=bad_day.run_id,
                        published_at=bad_day.started_at, **changes)  # fmt: skip
        site.add(bad_day, sales, soon(bad_day), Facts(publishes=(proof,)))
        return [
            "rollback raw_data.sales" in re.sub(r"<[^>]+>", "", site.shelf.get(key).decode().replace("<wbr>", ""))
            for key in (at.table_page("raw_data.sales"), at.run_page("raw_data.sales", bad_day.run_id))
        ]

    def asked():
        page = site.shelf.get(at.table_page("raw_data.sales")).decode()
        return "This load can&#39;t be undone from here any more: ask sales@example.com." in page

    assert told(can_undo=True) == [True, True]
    assert not asked()
    assert told() == [False, False], "the page of the run is written again when nothing is kept any more"
    assert asked()
    assert told(can_undo=True, undone_by=10) == [False, False]
    assert not asked(), "it was undone"


def test_a_failed_run_offers_nothing_once_its_batch_is_published(site, sales, run_of, soon):
    failure = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many", who_must_act="owner",
                      next_command="headgate retry RUN-1   (when the source is mended)")  # fmt: skip
    failed = run_of(0, run_id="run-1", status="failed", failure=failure, counts={})
    site.add(failed, sales, soon(failed))
    page = re.sub(r"<[^>]+>", "", site.shelf.get(at.run_page("raw_data.sales", "run-1")).decode())
    assert "--override TOLERANCE" in page
    again = run_of(0, run_id="run-2", started_at=failed.started_at + timedelta(hours=1))
    proof = Publish(sequence=1, batch_key=again.batch_key, kind="publish", run_id="run-2", published_at=soon(again))
    site.add(again, sales, soon(again), Facts(publishes=(proof,)))
    page = re.sub(r"<[^>]+>", "", site.shelf.get(at.run_page("raw_data.sales", "run-1")).decode())
    assert "--override" not in page
    assert "headgate retry" not in page
    assert "headgate show run-1" in " ".join(page.split())


def test_a_table_that_is_not_declared_any_more_offers_only_to_look(site, sales, soon, bad_day):
    gone = sales.model_copy(update={"declared": False})
    site.add(bad_day, gone, soon(bad_day))
    page = re.sub(r"<[^>]+>", "", site.shelf.get(at.table_page("raw_data.sales")).decode())
    assert set(re.findall(r"headgate \w+ (?:raw|sales)", " ".join(page.split()))) == {"headgate show sales"}
