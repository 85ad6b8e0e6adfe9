"""Forms of owners and on-call on a real server and worker: what they do, and what their page answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from flows.deploy.forms import FORMS

FIRST = date(2020, 8, 10)
DAYS = 10
DRIFTED, REFUSED = 8, 9
ROWS = 300
WHO = {"by": "Ann", "reason": "it was agreed with the shop"}
TABLE = """
table: {schema}.sales
description: One row per sale.
owner: sales@example.com
source: {{kind: csv, url: "file://{folder}/files/{{window.start:%Y-%m-%d}}.csv"}}
window: {{every: day, timezone: UTC, start: 2020-08-10, end: 2020-08-20}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: day, type: date, nullable: false}}
  - {{name: amount, type: integer}}
key: [id]
load: {{mode: replace_window, window_column: day}}
"""
SUITE = """
table: {schema}.sales
expectations:
  - code: AMOUNT
    type: expect_column_values_to_be_between
    kwargs: {{column: amount, min_value: {least}}}
    severity: critical
    rows: quarantine
    tolerance: 1%
"""


def rows_of(number: int, day: object) -> str:
    """A day's file: one row that a rule sets aside, one that isn't a number; the last days are worse."""
    dice = random.Random(number)
    factor = 1000 if number == DRIFTED else 1
    amounts: list[object] = [factor * round(dice.lognormvariate(4, 0.5)) for _ in range(ROWS)]
    if number == 0:
        amounts[:2] = [-5, "many"]
    if number == REFUSED:
        amounts[:30] = ["many"] * 30
    return "id,day,amount\n" + "".join(f"{number * ROWS + n},{day},{amount}\n" for n, amount in enumerate(amounts))


@pytest.fixture
def shop(site: Any) -> Any:
    site.write(days=1, files=0)
    (site.folder / "project/tables/sales.yaml").write_text(TABLE.format(schema=site.schema, folder=site.folder))
    (site.folder / "project/suites").mkdir()
    (site.folder / "files").mkdir(exist_ok=True)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        (site.folder / "files" / f"{day}.csv").write_text(rows_of(number, day))
    rule(site, least=0)
    site.headgate("deploy")
    site.worker("one")
    return site


def rule(site: Any, least: int) -> None:
    (site.folder / "project/suites/sales.yaml").write_text(SUITE.format(schema=site.schema, least=least))


@pytest.fixture
def ask(shop: Any) -> Callable[..., Any]:
    """Fill in a form and wait for its answer."""
    names = {form.flow: form.name for form in FORMS}

    def fill_in(flow: str, **given: object) -> Any:
        return shop.ended(shop.start(f"{flow}/{names[flow]}", **given))

    return fill_in


def answer(state: dict[str, Any]) -> tuple[str, str]:
    return state["type"], state["message"]


def test_from_a_backfill_that_fails_to_rows_given_up(shop: Any, ask: Callable[..., Any]) -> None:
    table, done = shop.table, "COMPLETED"
    # The last day has too many bad rows; the others are loaded all the same, in their order.
    kind, said = answer(ask("backfill", table=table, parallel=3))
    assert kind == "FAILED"
    assert said.startswith(f"{REFUSED} batches published")
    assert "headgate retry sales-2020-08-19-" in said
    loaded = f"SELECT count(DISTINCT batch_key) FROM ops.ledger WHERE target = '{table}'"
    assert shop.ask(loaded) == [(REFUSED,)]

    ((run,),) = shop.ask(f"SELECT run_id FROM ops.run WHERE target = '{table}' AND status = 'failed'")
    # The watch looks once a minute.
    shop.wait(lambda: shop.ask(f"SELECT 1 FROM ops.incident WHERE scope = '{table}' AND closed_at IS NULL"))
    for form, more, said in (
        ("acknowledge", {"by": "Ann"}, f"({table}): acknowledged"),
        ("silence", WHO | {"until": "8h"}, f"({table}): silenced until 20"),
        ("resolve", WHO, f"({table}): resolved"),
    ):
        kind, told = answer(ask(f"{form} incident", incident=table, **more))
        assert (kind, said in told) == (done, True), told

    kind, told = answer(ask("publish anyway", run=run, code="TOLERANCE", until="1h", **WHO))
    assert (kind, told.partition(";")[0]) == (done, "1 batch published, 270 rows")
    assert shop.ask(loaded) == [(DAYS,)]

    ((drifted,),) = shop.ask(f"SELECT run_id FROM ops.run WHERE target = '{table}' AND label = '2020-08-18'")
    kind, told = answer(ask("accept drift", table=table, column="amount", run=drifted, **WHO))
    assert (kind, told.startswith(f"{table}: accepted: amount ")) == (done, True), told
    assert told.endswith("2020-08-18 is the new level")
    kind, told = answer(ask("answer drift", table=table, answer="not-interesting", column="amount", run=drifted, **WHO))
    assert (kind, told.startswith(f"{table}: not-interesting: amount ")) == (done, True), told

    rule(shop, least=-10)
    shop.headgate("deploy")
    kind, told = answer(ask("replay quarantine", table=table, code="AMOUNT"))
    assert (kind, told.partition(",")[0]) == (done, "1 batch published")
    assert shop.ask(f"SELECT count(*) FROM {table} WHERE amount = -5") == [(1,)]
    code = "NOT-INTEGER"
    assert answer(ask("discard quarantine", table=table, code=code, window="2020-08-10", **WHO)) == (
        done, f"{table}: 1 row discarded"
    )  # fmt: skip

    # What was answered stays, with who and why.
    kept = shop.ask(f"SELECT DISTINCT kind, decided_by FROM ops.decision WHERE target = '{table}'")
    assert {(kind, "Ann (by form)") for kind in ("override", "accept-drift", "discard")} <= set(kept)
