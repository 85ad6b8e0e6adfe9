"""Copy: the manifest's parts into a candidate that nobody reads, and proof that they are what was checked."""

from __future__ import annotations

from deployments.declarations.table import Table
from deployments.errors import AccountingError
from expectations.contract.checksum import Checksum, Hash, differences
from tasks import ahead
from tasks.audit_in_place import prove_told
from tasks.batch import Batch, Copied, Staged, Validated, new_try
from tasks.in_place import producers_store, prove_unchanged
from tasks.step import step
from tasks.switches import reached
from tasks.warehouses import names
from tasks.warehouses.figures import figures_of
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import explained, session, transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import Workbench, workbench


@step("copy")
def copy(batch: Batch, staged: Staged, validated: Validated) -> Copied:
    """Fill a new candidate of the batch's table; see `fill`."""
    return fill(batch, staged, validated, workbench().project.table(batch.table))


def fill(batch: Batch, staged: Staged, validated: Validated, table: Table) -> Copied:
    """Fill a new candidate; a retry fills another one, so that no part is ever loaded twice into the same table.

    Raises AccountingError when the rows, their null counts, sums or hashes aren't what the checker saw.
    """
    bench = workbench()
    adapter, checked = bench.warehouse, validated.checksum
    with explained(f"copy of {batch.table}"):
        filled = ahead.filled(batch, staged.manifest)
        candidate, rows = _fill_new(bench, batch, staged, table) if filled is None else (filled.candidate, filled.rows)
        reached("copied")
        if staged.manifest.in_place:
            return Copied(candidate, rows, agrees=prove_told(adapter, batch, staged, validated, candidate, rows))
        loaded = checksum_of(adapter, candidate, table, checked.hashed_by) if filled is None else filled.figures
    found = differences(table.columns, checked, loaded)
    if rows != staged.manifest.rows or loaded.rows != staged.manifest.rows:
        found.insert(0, f"rows: staged {staged.manifest.rows}, COPY says {rows}, the candidate holds {loaded.rows}")
    if found:
        raise AccountingError(
            f"{batch.title}: what was loaded isn't what was checked; nothing was published",
            listing=found,
            code="LOADED-DIFFERS",
            next_command=f"headgate show {batch.run_id}   (the candidate {candidate} is kept)",
            candidate=str(candidate),
        )
    if filled is None:
        return Copied(candidate, rows)
    return Copied(candidate, rows, early=filled.early, finished=filled.finished)


def _fill_new(bench: Workbench, batch: Batch, staged: Staged, table: Table) -> tuple[TableName, int]:
    """A candidate with the parts of the manifest, and how many rows the warehouse took."""
    adapter = bench.warehouse
    candidate = names.candidate(batch.live, f"{batch.attempt_id}{new_try()}")
    with transaction(adapter.address) as cursor:
        adapter.create_candidate(cursor, candidate, shape_of(table))
    reached("candidate-made")
    columns = [column.name for column in table.columns]
    options = table.load.copy_options.model_dump(exclude_none=True)
    producers = producers_store(table, bench.settings) if staged.manifest.in_place else None
    rows = adapter.copy(bench.stage, staged.manifest, candidate, columns, options, producers)
    if producers is not None:
        prove_unchanged(producers, staged.manifest)
    return candidate, rows


def checksum_of(adapter: Adapter, table: TableName, declared: Table, hashed_by: Hash) -> Checksum:
    """The figures of a table's rows, computed by the warehouse."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        return figures_of(cursor, adapter, qualified(table), declared.columns, hashed_by)
