"""What the results of a build's steps leave, as those of a batch do (`flows.step_results`): no run of a table imports it."""

from __future__ import annotations

from typing import Any

from deployments.quantities import plural
from expectations.record import RunRecord
from flows.step_results import facts_of, words_of
from tasks.batch import Judged
from tasks.metrics import MetricsCompared
from tasks.summarize import Built, InputsChecked, OutputChecked
from tasks.summary_judge import BuildJudged


@words_of.register
def _(result: BuildJudged) -> dict[str, Any]:
    return words_of(Judged(result.drift)) if result.drift else {"rows": None, "line": "no drift declared"}


@words_of.register
def _(result: InputsChecked) -> dict[str, Any]:
    rows = ", ".join(f"{table.partition('.')[2]} {count:,}" for table, count in result.rows.items())
    line = f"rows: {rows}"
    if result.rules:
        line += f"; {plural(len(result.rules), 'check')} passed"
    return {"rows": sum(result.rows.values()), "line": line}


@words_of.register
def _(result: Built) -> dict[str, Any]:
    line = f"{plural(result.rows, 'row')} beside the live table"
    return {"rows": result.rows, "line": f"{line}, by SQL rewritten for PostgreSQL" if result.sql else line}


@words_of.register
def _(result: OutputChecked) -> dict[str, Any]:
    return {
        "rows": None,
        "line": f"{plural(len(result.rules), 'check')} passed" if result.rules else "no checks declared",
    }


@words_of.register
def _(result: MetricsCompared) -> dict[str, Any]:
    said = [
        f"{item.metric} isn't that of {item.other} ({item.differing:,} of {item.compared:,})"
        if item.differing
        else f"{item.metric} is that of {item.other} {item.grain} ({item.compared:,})"
        for item in result.found
    ]
    said += [f"not compared: {skipped}" for skipped in result.skipped]
    return {"rows": None, "line": "; ".join(said) or "no other summary has these metrics"}


@facts_of.register
def _(result: InputsChecked, record: RunRecord) -> dict[str, Any]:
    return {"rules": result.rules}


@facts_of.register
def _(result: Built, record: RunRecord) -> dict[str, Any]:
    return {"warnings": result.warnings, "sql": result.sql}


@facts_of.register
def _(result: BuildJudged, record: RunRecord) -> dict[str, Any]:
    return {"drift": result.drift, "profile": result.profile}


@facts_of.register
def _(result: MetricsCompared, record: RunRecord) -> dict[str, Any]:
    return {"rules": record.rules + result.rules}


@facts_of.register
def _(result: OutputChecked, record: RunRecord) -> dict[str, Any]:
    return {"rules": record.rules + result.rules}
