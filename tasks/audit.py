"""Audit: the candidate as readers would see it, before they do.

Older versions of a key are superseded and the suite's warehouse rules run. Nothing but the candidate is looked at, so that
windows can be audited side by side; what a batch is held against comes after it, in `tasks.judge`.
"""

from __future__ import annotations

from psycopg2 import sql

from deployments.declarations.table import Table
from expectations.record import RuleResult
from tasks.assess import Assessment, key_rule, results_of, stop_on_failures, suite_parameters
from tasks.audit_in_place import prove_rows
from tasks.batch import Audited, Batch, Copied, Validated
from tasks.judged_table import proven
from tasks.overrides import marked
from tasks.step import step
from tasks.switches import reached
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import explained, one, transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import Workbench, workbench


@step("audit")
def audit(batch: Batch, copied: Copied, validated: Validated) -> Audited:
    """Audit the candidate. Raises CheckFailedError when a critical rule fails."""
    bench = workbench()
    table, adapter = bench.project.table(batch.table), bench.warehouse
    candidate, superseded = copied.candidate, 0
    shape = shape_of(table)
    with explained(f"audit of {batch.table}"):
        if validated.in_place is not None:
            prove_rows(adapter, batch, table, candidate)
        if validated.keys_repeat:
            candidate, superseded = _keep_latest(bench, table, copied)
            reached("kept-latest")
        rules = marked(batch.overrides, _judge(bench, batch, table, candidate, validated))
        stop_on_failures(batch.title, batch.run_id, Assessment(validated.checked_in_memory, rules))
        reached("before-finish")
        if not copied.finished or candidate != copied.candidate:
            with transaction(adapter.address) as cursor:
                adapter.finish_candidate(cursor, candidate, shape)
        reached("after-finish")
    # In place the warehouse is the only one that has counted; a row it refused would have failed the COPY.
    extracted = copied.rows if validated.in_place else validated.extracted
    counts = Counts(
        extracted=extracted, quarantined=validated.quarantined, staged=extracted - validated.quarantined,
        copied=copied.rows, superseded=superseded,
    )  # fmt: skip
    return Audited(candidate, counts, rules)


def nothing_to_load(validated: Validated) -> Audited:
    """The audit of a batch without rows: there is no candidate, its proof will be published."""
    return Audited(None, Counts(extracted=validated.extracted, quarantined=validated.quarantined))


def _keep_latest(bench: Workbench, table: Table, copied: Copied) -> tuple[TableName, int]:
    """A second candidate with the latest row of each key; returns it and how many rows were superseded.

    It takes the first one's place in one transaction; called again, it finds that done.
    """
    assert table.load.keep is not None
    columns = sql.SQL(", ").join(identifier(column.name) for column in table.columns)
    latest = TableName(copied.candidate.schema, copied.candidate.name[:-1] + "z")
    source = qualified(copied.candidate)
    age = identifier("hg$age")
    numbered = sql.SQL(
        "SELECT {}, row_number() OVER (PARTITION BY {} ORDER BY {} DESC NULLS LAST) AS {} FROM {}"
    ).format(
        columns,
        sql.SQL(", ").join(map(identifier, table.key)),
        identifier(table.load.keep.latest_by),
        age,
        source,
    )
    with transaction(bench.warehouse.address) as cursor:
        if not bench.warehouse.exists(cursor, copied.candidate) and bench.warehouse.exists(cursor, latest):
            # An earlier try of this step has done it; its answer, or a later part of the step, was lost.
            counted = sql.SQL("SELECT count(*) FROM {}").format(qualified(latest))
            return latest, copied.rows - int(one(cursor, counted)[0])
        bench.warehouse.create_candidate(cursor, latest, shape_of(table))
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM ({}) {} WHERE {} = 1").format(
                qualified(latest), columns, columns, numbered, identifier(names.ROWS), age
            )
        )
        kept = int(cursor.rowcount)
        cursor.execute(sql.SQL("DROP TABLE {}").format(source))
    return latest, copied.rows - kept


def _judge(
    bench: Workbench, batch: Batch, table: Table, candidate: TableName, validated: Validated
) -> tuple[RuleResult, ...]:
    suite = bench.project.suite(table.table).on_candidate(
        checked_in_memory=validated.checked_in_memory, masked=table.hashed
    )
    # Nothing but the proof that its rows are in the candidate is missing to a rule that the batch is known to pass.
    known = {rule.code for rule in validated.rules}
    left = tuple(rule for rule in suite.expectations if rule.on != "batch" or rule.code not in known)
    suite = suite.model_copy(update={"expectations": left})
    if validated.in_place and table.key and table.load.keep is None:
        suite = suite.model_copy(update={"expectations": (key_rule(table.key), *suite.expectations)})
    if not suite.expectations:
        return ()
    from expectations.suites.run import run_suite

    outcome = run_suite(
        suite, proven(bench, suite, candidate), key=table.key, masked=table.masked, mask_key=bench.pii_key or b"",
        parameters=suite_parameters(batch.window, validated.extracted - validated.quarantined),
    )  # fmt: skip
    return results_of(outcome.rules, suite, table.owner, "candidate")
