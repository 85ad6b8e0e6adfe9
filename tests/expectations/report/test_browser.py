"""Pages in a real browser without a network: nothing is requested, nothing is logged, keys work, nothing overflows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from expectations.record import Drift, DriftAlert, QuarantineReason, RuleResult
from expectations.report import shelf as at
from expectations.report.metrics import MetricTwin, metrics_html
from expectations.report.texts import Texts

pytestmark = pytest.mark.browser
PAPER = 703
"""Pixels of A4 between margins of 12 mm."""
ALERT = DriftAlert(column="amount", kind="values", level="page", score=4.0, expected="20 (10 to 30)", observed="2,000",
                   message="The mean of amount: expected 20 (10 to 30), seen 2,000.")  # fmt: skip
BAND = {"column": "amount", "kind": "values", "figure": "the mean of amount", "low": 0.5, "high": 1.5, "expected": 1.0,
        "observed": 5.0, "score": 4.0}  # fmt: skip


@pytest.fixture
def folder(site, sales, run_of, soon, tmp_path):
    """A small report: three tables, one of them with drift and rows set aside."""
    for n, name in enumerate(("sales", "refunds", "visits")):
        of = sales.model_copy(update={"table": f"raw_data.{name}", "owner": f"team-{n}@example.com"})
        for day in range(12):
            record = run_of(day, table=of.table, rows=100 * (n + 1) + day)
            site.add(record, of, soon(record))
    reason = QuarantineReason(
        code="SAL-AMOUNT", column="amount", rows=1, sentence="breaks the rule: amount is at least 0"
    )
    drift = Drift(verdict="page", score=4.0, history=12, alerts=(ALERT,), bands={"figures": [BAND]})
    bad = run_of(12, status="warned", drift=drift, quarantine=(reason,), mean=2000.0)
    site.add(bad, sales, soon(bad))
    return tmp_path / "report"


@pytest.fixture
def pages(folder, run_of):
    return [folder / "index.html", folder / at.table_page("raw_data.sales"),
            folder / at.run_page("raw_data.sales", run_of(12).run_id)]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_a_page_asks_for_nothing_says_nothing_and_fits(chromium, pages, width, dark):
    for file in pages:
        chromium.open(file, width=width, dark=dark)
        assert chromium.requests == [file.as_uri()]
        assert chromium.faults == []
        assert chromium.run("document.documentElement.scrollWidth") <= width, file.name


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_no_date_or_figure_of_a_chart_is_cut_off(chromium, pages, width):
    for file in pages[1:]:
        chromium.open(file, width=width)
        outside = chromium.run(
            "[...document.querySelectorAll('.chart text')].filter(t => { const r = t.getBoundingClientRect();"
            f" return r.width && (r.left < 0 || r.right > {width}) }}).map(t => t.textContent)"
        )
        assert outside == [], file.name


LONG = "total_amount_paid_including_taxes_and_delivery_charges_v2"


def test_what_was_checked_stands_whole_beside_a_long_name(chromium, folder, sales, site, soon, run_of):
    """The last column was out of sight, and the others as narrow as a word."""
    rules = tuple(
        RuleResult(code=code, type="t", sentence=f"{LONG} is at least 0 in every row", severity="critical", outcome="pass",
                   place="batch", column=LONG)
        for code in ("SAL-AMOUNT", "SAL-FULL")
    )  # fmt: skip
    aside = QuarantineReason(code="SAL-AMOUNT", column=LONG, rows=1, sentence=f"breaks the rule: {LONG} is at least 0")
    record = run_of(13, rules=rules, quarantine=(aside,), status="warned")
    site.add(record, sales, soon(record))
    chromium.open(folder / at.run_page("raw_data.sales", record.run_id), width=1280)
    wide = "[...document.querySelectorAll('.scroll')].filter(of => of.scrollWidth > of.clientWidth).length"
    assert chromium.run(wide) == 0


def test_no_date_of_the_start_page_is_cut_off_on_a_phone(chromium, folder):
    chromium.open(folder / "index.html", width=390)
    cut = (
        "[...document.querySelectorAll('#tables time')].filter(of => of.getBoundingClientRect().right"
        " > of.closest('.scroll').getBoundingClientRect().right).map(of => of.textContent)"
    )
    assert chromium.run("document.querySelectorAll('#tables time').length") == 3
    assert chromium.run(cut) == []


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_a_metric_with_a_long_name_fits(chromium, tmp_path, width):
    metric = MetricTwin(
        name=LONG,
        definition=f"What {LONG} means.",
        owner="finance-and-controlling-of-all-shops@example.com",
        adds_up="sum",
    )
    file = tmp_path / "metrics.html"
    file.write_text(metrics_html([metric], Texts(), datetime(2026, 3, 1, tzinfo=UTC)), encoding="utf-8")
    chromium.open(file, width=width)
    assert chromium.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1000, 390], ids=["desk", "phone"])
def test_no_figure_of_a_comparison_runs_into_another_or_is_cut_off(chromium, folder, sales, site, soon, run_of, width):
    """With a name of 63 characters, and figures as long as they come."""
    long = "discount_percentage_of_the_whole_basket_before_tax_and_delivery"
    column = {"name": long, "type": "decimal(12,2)", "unit": "EUR"}
    for day in range(13, 22):
        record = run_of(day, rows=1_234_567 if day > 14 else 100)
        measured = {"nulls": 10 + 900_000 * (day > 16), "distinct": 9, "numbers": {"mean": 123_456.78 + day}}
        profile = {**record.profile, "columns": {**record.profile["columns"], long: measured}}
        record = record.model_copy(update={"profile": profile, "schema_columns": (*record.schema_columns, column)})
        site.add(record, sales, soon(record))
    chromium.open(folder / at.table_page("raw_data.sales"), width=width)
    outside = f"""[...document.querySelectorAll('.compare td')].filter(cell => {{
      const range = document.createRange(); range.selectNodeContents(cell);
      const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
      return text.width && (text.left < box.left - 1 || text.right > box.right + 1 || box.right > {width})
    }}).map(cell => cell.parentNode.textContent + cell.dataset.label)"""
    assert chromium.run("document.querySelectorAll('.compare td').length") > 40
    assert chromium.run(outside) == []


def test_a_long_name_goes_on_after_a_part_of_it(chromium, folder, sales, site, soon, run_of):
    """Names of 63 characters in titles and lists: no part of one is torn."""
    of = sales.model_copy(update={"table": "raw_data.customer_subscription_invoice_line_items_with_adjustments_eu"})
    for day in range(2):
        site.add(run_of(day, table=of.table), of, soon(run_of(day)))
    torn = """[...document.querySelectorAll('h1, .crumbs, .who b, td b, figcaption b')].flatMap(at => {
      const walk = document.createTreeWalker(at, NodeFilter.SHOW_TEXT), found = [];
      for (let text; text = walk.nextNode();) for (const part of text.data.matchAll(/[^\\s_.]+/g)) {
        const range = document.createRange(); range.setStart(text, part.index); range.setEnd(text, part.index + part[0].length);
        if (new Set([...range.getClientRects()].map(box => box.top | 0)).size > 1) found.push(part[0]);
      } return found })"""
    for file in (folder / "index.html", folder / at.table_page(of.table)):
        chromium.open(file, width=390)
        assert chromium.run("document.body.textContent").count("customer_subscription_invoice_line_items") > 0
        assert chromium.run(torn) == [], file.name


def test_a_printed_page_keeps_every_column(chromium, pages):
    """A4 between its margins: the tables of a desk, whole, dark on white."""
    for file in pages:
        chromium.open(file, width=PAPER, dark=True)
        chromium.call("Emulation.setEmulatedMedia", media="print")
        try:
            assert chromium.run("document.documentElement.scrollWidth") <= PAPER, file.name
            assert chromium.run(
                "[...document.querySelectorAll('th')].every(head => head.getBoundingClientRect().left >= 0)"
            )
            right = "Math.max(...[...document.querySelectorAll('td')].map(cell => cell.getBoundingClientRect().right))"
            assert chromium.run(right) <= PAPER, file.name
            assert chromium.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        finally:
            chromium.call("Emulation.setEmulatedMedia", media="")


def test_a_request_would_be_seen_and_is_refused(chromium, pages):
    """The test above can fail: an image put into a page is asked for, and the page's own policy stops it."""
    chromium.open(pages[0])
    chromium.run("new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'http://example.com/x.png' })")
    assert any("Content Security Policy" in fault for fault in chromium.faults)


def test_dark_is_dark(chromium, pages):
    seen = []
    for dark in (False, True):
        chromium.open(pages[0], dark=dark)
        seen.append(chromium.run("getComputedStyle(document.body).backgroundColor"))
    assert seen[0] != seen[1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(chromium, pages, dark):
    """WCAG AA: a ratio of 4.5 for every text; backgrounds are looked for upwards from each element."""
    for file in pages:
        chromium.open(file, dark=dark)
        assert chromium.run(CONTRAST) == [], file.name


def test_the_first_tab_leads_past_the_header_and_enter_goes_there(chromium, pages):
    chromium.open(pages[1])
    chromium.key("Tab")
    assert chromium.run("document.activeElement.className") == "skip"
    chromium.key("Enter")
    assert chromium.run("location.hash") == "#main"


def test_a_slash_filters_the_tables_and_escape_shows_them_all(chromium, pages):
    chromium.open(pages[0])
    chromium.key("/", "/")
    for letter in "refund":
        chromium.key(letter, letter)
    shown = """[...document.querySelectorAll('[data-row]')].filter(row => row.offsetParent)
      .map(row => row.cells[0].querySelector('b').innerText)"""
    assert chromium.run(shown) == ["raw_data.refunds"]
    chromium.key("Escape")
    assert len(chromium.run(shown)) == 3


def test_a_column_is_sorted_from_the_keyboard(chromium, pages):
    chromium.open(pages[1])
    first = "document.querySelector('#runs tbody td').innerText.trim()"
    assert chromium.run(first) == "2026-03-13"
    chromium.run("document.querySelector('#runs th button').focus()")
    chromium.key("Enter")
    assert chromium.run(first) == "2026-03-01"
    assert chromium.run("document.querySelector('#runs th').getAttribute('aria-sort')") == "ascending"


def test_a_promise_that_is_broken_since_the_page_was_written_is_said(chromium, pages):
    chromium.open(pages[0])
    told = chromium.run("[...document.querySelectorAll('[data-until]')].map(e => e.innerText)")
    assert told
    # The records are of March 2026: by the browser's clock each of their promises has been broken since.
    assert all("late by now" in text for text in told)


def test_everything_can_be_read_without_a_script(chromium, pages):
    chromium.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.go(pages[0])
        text = chromium.call("DOM.getDocument", depth=-1)["root"]
        assert "raw_data.visits" in str(text)
    finally:
        chromium.call("Emulation.setScriptExecutionDisabled", value=False)


CONTRAST = """
(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length === 3 ? [...m, 1] : m; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  const bad = new Set();
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.offsetParent && e.tagName !== "text") continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(e.tagName === "text" ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
    const name = e.tagName + "." + e.getAttribute("class") + ": " + e.textContent.trim().slice(0, 40);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(name);
  }
  return [...bad];
})()
"""
