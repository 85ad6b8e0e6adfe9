"""Judge: the batch beside what stands, which are the windows before it, the live table's columns and its source's keys.

What comes before it looks at the batch alone and may run side by side for many windows. This step and the publish after it
come in turn (`flows.lanes`): what a window is held against never depends on which of two was quicker.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from deployments.declarations.suite import DriftPolicy
from deployments.declarations.table import SchemaChange, Table, share
from deployments.errors import CheckFailedError, DriftStopError
from deployments.quantities import plural
from expectations.record import Drift, DriftAlert, RunRecord
from tasks import watched
from tasks.acceptances import accepted_for
from tasks.answers import lowered_for
from tasks.assess import Assessment
from tasks.batch import Audited, Batch, Judged, Validated
from tasks.candidate_profile import candidate_profile
from tasks.declared import KEY, declared_anew, declared_columns
from tasks.history import history_of
from tasks.source_keys import load_source_keys
from tasks.step import step
from tasks.switches import reached
from tasks.warehouses import ops
from tasks.warehouses.changes import find_changes
from tasks.warehouses.changes import judge as allowed
from tasks.warehouses.names import TableName
from tasks.warehouses.publication import prove_ours
from tasks.warehouses.session import explained, session
from tasks.warehouses.shapes import Shape, shape_of
from tasks.watched import Watched
from tasks.workbench import Workbench, workbench


@step("judge")
def judge(batch: Batch, record: RunRecord, validated: Validated, audited: Audited) -> Judged:
    """Raises DriftStopError, or DeclarationError for a schema change that isn't allowed.

    The profile and what is told are kept before the batch is published; running it again replaces them.
    """
    bench = workbench()
    table = bench.project.table(batch.table)
    # A batch without rows changes no column.
    replaced = table.load.does.replaces_table
    changes, warnings = (
        schema_changes(bench, batch.live, shape_of(table), table.load.on_schema_change, replaced=replaced)
        if audited.candidate
        else ((), ())
    )
    prove_whole(bench, table, batch, validated)
    policy = bench.project.suite(table.table).drift
    measured = _measured(bench, table, batch, validated, audited)
    drift = None if measured is None else drift_of(bench, table, policy, batch, measured)
    if drift is not None and not batch.overridden("DRIFT"):
        stop_on_drift(batch.title, batch.run_id, drift)
    if measured is not None:
        profile = {**measured, KEY: declared_columns(table)}
        ops.save_judged(bench.warehouse, record.model_copy(update={"profile": profile, "drift": drift}))
    reached("judged")
    keys, as_of = load_source_keys(batch) if table.load.deletes == "compare_keys" else (None, 0)
    return Judged(drift, changes, warnings, keys, as_of, measured)


def _measured(
    bench: Workbench, table: Table, batch: Batch, validated: Validated, audited: Audited
) -> dict[str, object] | None:
    """The profile of the batch: as it was checked, or of the candidate where its rows came in place, by no worker."""
    if validated.in_place is None or audited.candidate is None or not audited.counts.copied:
        return validated.profile
    return candidate_profile(
        bench, audited.candidate, table.columns, key=table.key, masked=table.masked, salt=bench.key_of(batch)
    ).to_json()


def prove_whole(bench: Workbench, table: Table, batch: Batch, validated: Validated) -> None:
    """Raise CheckFailedError where a file that replaces a table was cut off inside its last line: it ends without a line end, as
    the one before it didn't, and has fewer rows. One batch of history is enough to know; drift takes three."""
    profile = validated.profile
    guarded = (
        table.load.does.replaces_table and share(table.load.shrink_guard) < 1 and not batch.overridden("SHRINK-GUARD")
    )
    if profile is None or not profile.get("unfinished") or not guarded:
        return
    before = next(reversed(history_of(bench, table, batch).profiles), None)
    rows = int(str(profile["rows"]))
    if before is None or before.unfinished is not False or rows >= before.rows:
        return
    raise CheckFailedError(
        f"{batch.title}: {validated.where} was cut off inside its last line: no line end stands at its end, as one did before, "
        f"and it has {plural(rows, 'row')} where {before.rows:,} were published. Nothing was published.",
        code="SHRINK-GUARD",
        next_command=f"headgate retry {batch.run_id}   (when the source delivers everything again)",
        before=before.rows,
        after=rows,
    )


def schema_changes(
    bench: Workbench, live: TableName, shape: Shape, policy: SchemaChange, *, replaced: bool
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Differences between contract and live table as (kind, column), and what is warned of; DeclarationError for those
    that aren't allowed, and where the table isn't ours. `replaced`: the live table is swapped for a new one."""
    with explained(f"judging {live}"), session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        # What somebody else made there, a sequence say, has columns as well: they are no change of a contract.
        prove_ours(bench.warehouse, cursor, live)
        changes = find_changes(shape, bench.warehouse.columns(cursor, live))
    warnings = allowed(bench.warehouse, live, policy, shape, changes, replaced=replaced)
    return tuple((change.kind, change.column) for change in changes), tuple(warnings)


def drift_of(
    bench: Workbench, table: Watched, policy: DriftPolicy, batch: watched.Judged, profile: dict[str, object]
) -> Drift:
    """The detector's verdict on a profile, beside the batches before it."""
    from expectations.drift import detect
    from expectations.drift.model import standing
    from expectations.drift.noticed import noticed
    from expectations.profile import Profile

    past, own, now = history_of(bench, table, batch), Profile.from_json(profile), datetime.now(UTC)
    accepted = (*accepted_for(bench, table, batch, now), *declared_anew(table, past.labels, past.declared))
    lowered, sensitivity = lowered_for(bench, table, batch, now), policy.sensitivity
    verdict = detect(
        own, past.profiles, sensitivity=sensitivity, accepted=accepted, lowered=lowered,
        batch_label=batch.label, history_labels=past.labels,
    )  # fmt: skip
    found = noticed(
        [*past.profiles, own], [*past.labels, batch.label],
        sensitivity=sensitivity, accepted=accepted, lowered=lowered,
    )  # fmt: skip
    # The columns of a profile are the contract's: that they are others is declared, not drift.
    told = [alert for alert in verdict.alerts if alert.column not in policy.ignore and alert.kind != "schema"]
    alerts = tuple(DriftAlert(**alert.to_json()) for alert in standing(told))
    level = "page" if any(a.level == "page" for a in alerts) else "digest" if alerts else verdict.verdict
    if not alerts and level in ("page", "digest"):
        level = "pass"
    return Drift(
        verdict=level,
        score=verdict.score,
        history=len(past.profiles),
        left_out=past.left_out,
        without=past.without,
        policy=policy.policy,
        alerts=alerts,
        bands={"figures": [asdict(band) for band in verdict.bands]},
        noticed=tuple(one for one in found if one.column not in policy.ignore),
    )


def stop_on_drift(what: str, run_id: str, drift: Drift) -> None:
    """Raise DriftStopError where the policy says so, of a batch or a build; `what` was judged."""
    if drift.policy == "stop" and drift.verdict == "page":
        raise DriftStopError(
            f"{what} differs from its history; nothing was published",
            listing=[alert.message for alert in drift.leading if alert.level == "page"],
            code="DRIFT",
            next_command=f"headgate drift explain {run_id}",
            assessment=Assessment(in_memory=False, rules=(), drift=drift),
        )
