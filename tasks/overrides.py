"""Overrides: somebody publishes a batch although it failed a check, a tolerance, drift or a guard; who, why, until when.

An override belongs to one failed run and to the codes it failed on. Anything else that fails stops the batch as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from deployments.errors import DeclarationError
from expectations.record import RuleResult, RunRecord
from expectations.report.actions import OVERRIDABLE, overridable
from tasks.batch import Override
from tasks.deciding import decider
from tasks.warehouses import decisions, names, proofs
from tasks.warehouses.decisions import Decision
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.workbench import Workbench


def failed_codes(record: RunRecord) -> tuple[str, ...]:
    """The codes a run failed on and that may be overridden."""
    return overridable(record.kind, record.failure.code if record.failure else None, record.failed_rules)


def decide(
    bench: Workbench,
    record: RunRecord,
    codes: Sequence[str],
    by: str | None,
    reason: str,
    expires_at: datetime,
    now: datetime,
) -> None:
    """Write the override down. DeclarationError when it is for others to decide, the run didn't fail, or on other codes, or is
    published since."""
    again = f"headgate show {record.run_id}"
    if record.kind not in OVERRIDABLE or record.status != "failed":
        raise _refused(f"{record.run_id} is a {record.kind} that ended as {record.status}: nothing to override", again)
    if expires_at <= now:
        overrides = " ".join(f"--override {code}" for code in codes)
        raise _refused(
            f"an override that expired at {expires_at:%Y-%m-%d %H:%M} UTC allows nothing",
            f'headgate publish {record.run_id} {overrides} --reason "..." --expires 1d',
        )
    failed = failed_codes(record)
    unknown = [code for code in codes if code not in failed]
    if unknown:
        assert record.failure is not None
        listing = ", ".join(failed) or f"none: {record.failure.code} can't be overridden"
        raise _refused(f"{record.run_id} didn't fail on {', '.join(unknown)}; it failed on {listing}", again)
    left = [code for code in failed if code not in codes]
    if left:
        more = " ".join(f"--override {code}" for code in failed)
        raise _refused(
            f"{record.run_id} failed on {', '.join(left)}, too: that alone would stop it again",
            f'headgate publish {record.run_id} {more} --reason "..." --expires 1d',
        )
    since = published_since(bench, record)
    if since is not None:
        raise _refused(f"{record.table} {record.label} was published by {since.run_id} since", again)
    who = decider(bench, "override", record.table, by)
    for code in codes:
        decisions.decide(
            bench.warehouse,
            Decision(now, record.table, "override", code, who, reason, expires_at=expires_at, run_id=record.run_id),
        )


def in_force(bench: Workbench, record: RunRecord, now: datetime) -> tuple[Override, ...]:
    """Overrides of a run that haven't expired, each code once."""
    found = {
        item.what: Override(item.what, item.by, item.reason, record.run_id)
        for item in decisions.read(bench.warehouse, [record.table], ["override"])
        if item.run_id == record.run_id and item.holds(now)
    }
    return tuple(found.values())


def published_since(bench: Workbench, record: RunRecord) -> Proof | None:
    """The load of the run's batch that stands and came after the run began."""
    adapter, live = bench.warehouse, TableName.parse(record.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
    proof = proofs.standing(known).get(record.batch_key)
    return proof if proof is not None and proof.published_at > record.started_at else None


def marked(overrides: Sequence[Override], rules: Sequence[RuleResult]) -> tuple[RuleResult, ...]:
    """The verdicts, those that are overridden with who and why."""
    words = {item.code: f"{item.by}: {item.reason}" for item in overrides}
    return tuple(
        rule.model_copy(update={"overridden_by": words[rule.code]})
        if rule.code in words and rule.outcome in ("fail", "error")
        else rule
        for rule in rules
    )


def _refused(why: str, next_command: str) -> DeclarationError:
    return DeclarationError(why, code="OVERRIDE-REFUSED", next_command=next_command)
