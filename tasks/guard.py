"""The bounds of a build: how long its statements may take, in which queue, and which joins it may make."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from deployments.declarations.model import seconds
from deployments.declarations.summary import Summary
from deployments.errors import DeclarationError
from deployments.windows import Window
from tasks.warehouses.plans import pairs_compared
from tasks.workbench import Workbench


def guarded(bench: Workbench, cursor: Cursor, summary: Summary, window: Window | None) -> None:
    """From here to the end of the transaction the summary's bounds hold. DeclarationError (GUARD-JOIN) for a SELECT that would
    hold too many rows against each other; it isn't run."""
    guard = summary.guard
    timeout = None if guard.statement_timeout is None else seconds(guard.statement_timeout)
    bench.warehouse.bound(cursor, timeout, guard.query_group, guard.slots)
    joined = _joined_by_nothing(bench, summary)
    if not joined:
        return
    pairs = pairs_compared(cursor, summary.statement(window))
    if pairs > guard.pairs:
        raise DeclarationError(
            f"the SELECT of {summary.target} joins {', '.join(joined)} by no equality, and would compare some {pairs:,} pairs of "
            f"rows (guard.pairs allows {guard.pairs:,}); nothing was run",
            code="GUARD-JOIN",
            next_command="compare a column of both sides with =, or guard: {pairs: ...} where it is meant; "
            f"headgate summary try {summary.name}",
            pairs=pairs,
        )


def _joined_by_nothing(bench: Workbench, summary: Summary) -> list[str]:
    if " join " not in f" {' '.join(summary.sql.lower().split())} " and "," not in summary.sql:
        return []
    # Imported here: a grammar that other commands don't need.
    from deployments.declarations.known_tables import known_tables
    from deployments.declarations.select import tree_of
    from deployments.declarations.sql_unequal import joins_without_equality

    tree = tree_of(summary.text, bench.settings.dialect)
    return [] if tree is None else joins_without_equality(tree, known_tables(bench.project))
