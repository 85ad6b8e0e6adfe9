"""A load that read its source before rows were erased doesn't bring them back: erasures and publishes of a table take turns.

An erasure is a decision that is written under the lock of the table's proofs, which a publish holds, too. A run notes how many
there were before it read anything; where there is another one when it would publish, it isn't published and has to read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import cursor as Cursor

from deployments.errors import RetryableError
from tasks.batch import Batch
from tasks.leftovers import remove_attempt
from tasks.warehouses.session import one, session
from tasks.workbench import Workbench

CODE = "ERASED-MEANWHILE"


def known(bench: Workbench, target: str) -> int:
    """How many erasures of a table there are."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        return _count(cursor, target)


def prove_none_since(cursor: Cursor, batch: Batch) -> None:
    """Raise RetryableError when rows were erased since the run began. The caller holds the lock of the table's proofs."""
    if _count(cursor, batch.table) != batch.erasures:
        raise RetryableError(
            f"{batch.title}: rows were erased while this run was at work, and it may have read them before. "
            "Nothing was published, and what it staged is removed",
            code=CODE,
            next_command=f"headgate erase {batch.table} --key ...   (once more: what this run noted), then headgate retry "
            f"{batch.run_id}",
        )  # fmt: skip


@contextmanager
def unpublished_removed(bench: Workbench, batch: Batch) -> Iterator[None]:
    """Remove what a batch has staged and copied when it isn't published for an erasure: it may hold what was erased."""
    try:
        yield
    except RetryableError as error:
        if error.code == CODE:
            remove_attempt(bench, batch)
        raise


def _count(cursor: Cursor, target: str) -> int:
    return int(one(cursor, "SELECT count(*) FROM ops.decision WHERE target = %s AND kind = 'erase'", (target,))[0])
