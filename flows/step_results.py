"""What each step's result leaves: a line and the rows it stands for, for people; and facts for the record of the run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from deployments.quantities import few, plural, size
from expectations.record import RuleResult, RunRecord
from tasks.batch import Audited, Copied, Extracted, Judged, Staged, Validated
from tasks.resume import Resumed
from tasks.warehouses.publish_plan import Published


@singledispatch
def words_of(result: object) -> dict[str, Any]:
    """`rows` and `line` of a step, by what it returned."""
    return {"rows": None, "line": ""}


@words_of.register
def _(result: Extracted) -> dict[str, Any]:
    if result.missing:
        return {"rows": 0, "line": f"{result.where} has nothing for this window: an empty batch, as declared"}
    if result.objects:
        found = f"{plural(len(result.objects), 'object')}, {size(result.source_bytes)}"
        return {"rows": None, "line": f"{found} at {result.where}, to be loaded in place"}
    line = f"{plural(result.rows, 'row')}, {size(result.source_bytes)} from {result.where}"
    if result.read_in:
        line += f", {result.read_in}"
    if result.unplaced:
        line += f"; {plural(result.unplaced, 'row')} of the source in no window"
    return {"rows": result.rows, "line": line}


@words_of.register
def _(result: Validated) -> dict[str, Any]:
    if result.in_place is not None:
        return {"rows": None, "line": "in place: their columns are the contract's, no row was looked at"}
    accepted = sum(part.accepted for part in result.parts)
    line = f"{plural(accepted, 'row')} fit the contract"
    if result.early:
        line += f" ({result.early} of {plural(len(result.parts), 'part')} checked while others were read)"
    if result.quarantined:
        reasons = ", ".join(f"{reason.code} {reason.rows:,}" for reason in result.reasons)
        line += f", {result.quarantined:,} set aside ({reasons})"
    line += _judged(result.rules)
    return {"rows": accepted, "line": line}


def _judged(rules: Sequence[RuleResult], where: str = "") -> str:
    judged = [rule for rule in rules if rule.outcome != "skipped"]
    failed = sum(rule.outcome != "pass" for rule in judged)
    told = f", {failed} failed" if failed else " passed"
    return f"; {plural(len(judged), 'check')}{where}{told}" if judged else ""


@words_of.register
def _(result: Staged) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "rows": manifest.rows,
        "line": f"{plural(len(manifest.parts), 'part')}, {size(manifest.size_bytes)} at {result.uri}",
    }


@words_of.register
def _(result: Copied) -> dict[str, Any]:
    early = f" ({plural(result.early, 'part')} ahead of this step)" if result.early else ""
    return {
        "rows": result.rows,
        "line": f"{plural(result.rows, 'row')} into a candidate{early}; {result.agrees}",
    }


@words_of.register
def _(result: Audited) -> dict[str, Any]:
    counts = result.counts
    line = f"{plural(counts.copied - counts.superseded, 'row')} may be published"
    if counts.superseded:
        line += f", {counts.superseded:,} superseded by a later version"
    line += _judged(result.rules, " on the candidate")
    return {"rows": counts.copied - counts.superseded, "line": line}


@words_of.register
def _(result: Judged) -> dict[str, Any]:
    said, drift = list(result.warnings), result.drift
    if drift is not None:
        if drift.alerts:
            told = f"drift: {len(drift.alerts)} told"
        elif drift.verdict == "learning":
            told = f"drift: learning ({plural(drift.history, 'batch')} so far)"
        else:
            told = f"no drift against {plural(drift.history, 'batch')}"
        absent = f", without {few(drift.without)}" if drift.without else ""
        said.insert(0, told + absent)
    return {"rows": None, "line": "; ".join(said) or "the live table has these columns"}


@words_of.register
def _(result: Published) -> dict[str, Any]:
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
def _(result: None) -> dict[str, Any]:
    return {"rows": None, "line": "nothing of an earlier attempt can be used; it is read again"}


@words_of.register
def _(result: Resumed) -> dict[str, Any]:
    rows = result.staged.manifest.rows
    return {"rows": rows, "line": f"{plural(rows, 'row')} checked and staged before, at {result.staged.uri}"}


@singledispatch
def facts_of(result: object, record: RunRecord) -> dict[str, Any]:
    """What the record is to hold from now on. `record`: as it is before."""
    return {}


@facts_of.register
def _(result: Extracted, record: RunRecord) -> dict[str, Any]:
    return {"source": ", ".join(filter(None, (result.where, result.read_in))), "fingerprint": result.fingerprint}


@facts_of.register
def _(result: Validated, record: RunRecord) -> dict[str, Any]:
    return {"quarantine": result.reasons, "rules": result.rules, "profile": result.profile, "warnings": result.warnings}


@facts_of.register
def _(result: Staged, record: RunRecord) -> dict[str, Any]:
    return {"stage_uri": result.uri, "bytes_staged": result.manifest.size_bytes}


@facts_of.register
def _(result: Audited, record: RunRecord) -> dict[str, Any]:
    return {"rules": record.rules + result.rules}


@facts_of.register
def _(result: Judged, record: RunRecord) -> dict[str, Any]:
    warnings = record.warnings + result.warnings
    return {"drift": result.drift, "profile": result.profile or record.profile, "warnings": warnings}


@facts_of.register
def _(result: Published, record: RunRecord) -> dict[str, Any]:
    return result.proof.facts


@facts_of.register
def _(result: Resumed, record: RunRecord) -> dict[str, Any]:
    before = (result.extracted, result.validated, result.staged)
    return {name: fact for part in before for name, fact in facts_of(part, record).items()}
