"""What is said of each step's result: one line, and the rows it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from tasks.batch import Audited, Copied, Extracted, Judged, Staged, Validated
from tasks.replay import Gathered
from tasks.resume import Resumed
from tasks.summarize import Built, InputsChecked, OutputChecked
from tasks.warehouses.publish_plan import Published


def size(number: float) -> str:
    """Bytes for people: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


def plural(count: int, noun: str) -> str:
    """'1 part', '2 parts', '1,000 rows'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def few(labels: Sequence[str], most: int = 3) -> str:
    """'2020-08-11, 2020-08-12 and 4 more'."""
    more = len(labels) - most
    return ", ".join(labels) if more <= 0 else f"{', '.join(labels[:most])} and {more} more"


@singledispatch
def words_of(result: object) -> dict[str, object]:
    """`rows` and `line` of a step, by what it returned."""
    return {"rows": None, "line": ""}


@words_of.register
def _(result: Extracted) -> dict[str, object]:
    if result.missing:
        return {"rows": 0, "line": f"{result.where} has nothing for this window: an empty batch, as declared"}
    line = f"{plural(result.rows, 'row')}, {size(result.source_bytes)} from {result.where}"
    if result.unplaced:
        line += f"; {plural(result.unplaced, 'row')} of the source in no window"
    return {"rows": result.rows, "line": line}


@words_of.register
def _(result: Validated) -> dict[str, object]:
    accepted = sum(part.accepted for part in result.parts)
    line = f"{plural(accepted, 'row')} fit the contract"
    if result.quarantined:
        reasons = ", ".join(f"{reason.code} {reason.rows:,}" for reason in result.reasons)
        line += f", {result.quarantined:,} set aside ({reasons})"
    judged = [rule for rule in result.rules if rule.outcome != "skipped"]
    if judged:
        failed = sum(rule.outcome != "pass" for rule in judged)
        line += (
            f"; {plural(len(judged), 'check')}, {failed} failed"
            if failed
            else f"; {plural(len(judged), 'check')} passed"
        )
    return {"rows": accepted, "line": line}


@words_of.register
def _(result: Staged) -> dict[str, object]:
    manifest = result.manifest
    return {
        "rows": manifest.rows,
        "line": f"{plural(len(manifest.parts), 'part')}, {size(manifest.size_bytes)} at {result.uri}",
    }


@words_of.register
def _(result: Copied) -> dict[str, object]:
    return {
        "rows": result.rows,
        "line": f"{plural(result.rows, 'row')} into a candidate; counts, sums and hashes agree",
    }


@words_of.register
def _(result: Audited) -> dict[str, object]:
    counts = result.counts
    line = f"{plural(counts.copied - counts.superseded, 'row')} may be published"
    if counts.superseded:
        line += f", {counts.superseded:,} superseded by a later version"
    if result.rules:
        line += f"; {plural(len(result.rules), 'check')} on the candidate passed"
    return {"rows": counts.copied - counts.superseded, "line": line}


@words_of.register
def _(result: Judged) -> dict[str, object]:
    said, drift = list(result.warnings), result.drift
    if drift is not None:
        if drift.alerts:
            told = f"drift: {len(drift.alerts)} told"
        elif drift.verdict == "learning":
            told = f"drift: learning ({drift.history} batches so far)"
        else:
            told = f"no drift against {drift.history} batches"
        absent = f", without {few(drift.without)}" if drift.without else ""
        said.insert(0, told + absent)
    return {"rows": None, "line": "; ".join(said) or "the live table has these columns"}


@words_of.register
def _(result: Published) -> dict[str, object]:
    counts = result.proof.counts
    if not result.by_this_attempt:
        return {"rows": 0, "line": f"already published by {result.proof.run_id}; nothing changed"}
    said = [
        f"{getattr(counts, name):,} {name}" for name in ("inserted", "updated", "unchanged") if getattr(counts, name)
    ]
    if counts.deleted:
        said.append(f"{counts.deleted:,} earlier rows replaced")
    return {"rows": counts.published, "line": f"{', '.join(said) or 'an empty batch'}; proof {result.proof.sequence}"}


@words_of.register
def _(result: None) -> dict[str, object]:
    return {"rows": None, "line": "nothing of an earlier attempt can be used; it is read again"}


@words_of.register
def _(result: Resumed) -> dict[str, object]:
    rows = result.staged.manifest.rows
    return {"rows": rows, "line": f"{plural(rows, 'row')} checked and staged before, at {result.staged.uri}"}


@words_of.register
def _(result: Gathered) -> dict[str, object]:
    line = f"{plural(result.rows, 'row')} of {result.source_run}"
    for count, why in ((result.withheld, "withheld or cut"), (result.broken, "broken in their bytes")):
        line += f", {count:,} {why}" if count else ""
    return {"rows": result.rows, "line": line}


@words_of.register
def _(result: InputsChecked) -> dict[str, object]:
    rows = ", ".join(f"{table.partition('.')[2]} {count:,}" for table, count in result.rows.items())
    line = f"rows: {rows}"
    if result.rules:
        line += f"; {plural(len(result.rules), 'check')} passed"
    return {"rows": sum(result.rows.values()), "line": line}


@words_of.register
def _(result: Built) -> dict[str, object]:
    return {"rows": result.rows, "line": f"{plural(result.rows, 'row')} beside the live table"}


@words_of.register
def _(result: OutputChecked) -> dict[str, object]:
    return {
        "rows": None,
        "line": f"{plural(len(result.rules), 'check')} passed" if result.rules else "no checks declared",
    }
