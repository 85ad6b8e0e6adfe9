"""Source deletes: every key the source has now, loaded beside the live table, so that rows gone from it can go.

Only for `load.deletes: compare_keys` (merge from a database): one column list, no window, through the same
contract, stage and COPY as rows.
"""

from __future__ import annotations

from deployments.declarations.table import Table
from deployments.errors import UpstreamError
from deployments.quantities import plural
from expectations.contract.layout import lay_out
from expectations.contract.part_check import PartChecker
from expectations.contract.split import RawPart
from tasks.batch import Batch, new_try
from tasks.extract import spool_source
from tasks.part_checks import null_marker
from tasks.sources.opening import open_source
from tasks.stage import stage_parts
from tasks.warehouses import names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.session import explained, session, transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import workbench


def load_source_keys(batch: Batch) -> tuple[TableName, int]:
    """A closed table with the source's keys, and the newest publish of the target before they were read."""
    bench = workbench()
    table = _keys_only(bench.project.table(batch.table))
    adapter = bench.warehouse
    spool = batch.spool / "keys"
    with session(adapter.address) as connection, connection.cursor() as cursor:
        as_of = max((proof.sequence for proof in proofs.read(cursor, batch.live)), default=0)
    extracted = spool_source(
        open_source(table, None, bench.settings), spool / "raw", None, bench.settings.spool_limit_mb
    )
    layout = lay_out(table, extracted.header, extracted.delimiter, extracted.where)
    marker = null_marker(table, adapter)
    checker = PartChecker(
        table, layout, (), marker, bench.key_of(batch), spool / "duckdb", bytes_prefix=bench.warehouse.bytes_prefix
    )
    (spool / "clean").mkdir(parents=True, exist_ok=True)
    parts = []
    try:
        for part in extracted.parts:
            raw = RawPart(part.number, part.path.read_bytes(), part.first_record, part.records, part.rejects)
            parts.append(checker.check(raw, part.path, spool / "clean" / part.path.name))
    finally:
        checker.close()
    bad = sum(len(part.quarantined) for part in parts)
    if bad:
        raise UpstreamError(
            f"{batch.table}: {plural(bad, 'key')} of the source outside the contract, so deletes can't be compared",
            code="KEYS-UNFIT",
            next_command=f"headgate show {batch.run_id}",
        )
    manifest = stage_parts(bench.stage, f"{batch.stage_key}/keys", parts, layout.delimiter, marker)
    target = names.candidate(batch.live, f"{batch.attempt_id}{new_try()}")
    with explained(f"keys of {batch.table}"):
        with transaction(adapter.address) as cursor:
            adapter.create_candidate(cursor, target, shape_of(table))
        adapter.copy(bench.stage, manifest, target, [column.name for column in table.columns])
    return target, as_of


def _keys_only(table: Table) -> Table:
    """The declaration reduced to its key: source, contract and layout."""
    columns = tuple(column for column in table.columns if column.name in table.key)
    source = table.source.only([column.source_name for column in columns])
    return table.model_copy(
        update={
            "source": source, "columns": columns, "window": None,
            # Hashed as the live table's keys are: nothing else can be compared with them.
            "pii": {name: how for name, how in table.pii.items() if name in table.key},
            "physical": type(table.physical)(), "load": table.load.model_copy(update={"keep": None}),
        }
    )  # fmt: skip
