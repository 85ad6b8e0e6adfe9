"""What comparisons of metrics found, in `ops.metric_comparison`: the last one of each two summaries counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses import names, ops
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import retried, rows

TABLE = TableName(names.OPS, "metric_comparison")
_COLUMNS = ("metric", "target", "other", "grain", "run_id", "compared_at", "compared", "differing", "examples")
_EXAMPLES_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric of two summaries. `compared` values of the grain, `differing` of them; `examples`: the first of those, a line
    each, without values that are hidden."""

    metric: str
    target: str
    other: str
    grain: str
    run_id: str
    at: datetime
    compared: int
    differing: int
    examples: tuple[str, ...] = ()


def save(adapter: Adapter, found: Sequence[Comparison]) -> None:
    """Keep what was found in place of what was found of the same two summaries before, whichever of them was built then."""

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TABLE)
        for item in found:
            cursor.execute(
                "DELETE FROM ops.metric_comparison WHERE metric = %s AND ((target = %s AND other = %s) "
                "OR (target = %s AND other = %s))",
                (item.metric, item.target, item.other, item.other, item.target),
            )
        ops.insert(cursor, TABLE.name, [
            (item.metric, item.target, item.other, item.grain, item.run_id, naive(item.at), item.compared, item.differing,
             "\n".join(item.examples)[:_EXAMPLES_CHARACTERS])
            for item in found
        ])  # fmt: skip

    if found:
        retried(adapter.address, "writing ops.metric_comparison", write)


def read(adapter: Adapter, cursor: Cursor) -> list[Comparison]:
    """The last comparison of each two summaries, by metric and summaries."""
    if not adapter.exists(cursor, TABLE):
        return []
    listing = sql.SQL(", ").join(map(identifier, _COLUMNS))
    statement = sql.SQL("SELECT {} FROM ops.metric_comparison ORDER BY metric, target, other").format(listing)
    return [
        Comparison(metric, target, other, grain, run_id, aware(at), int(compared), int(differing),
                   tuple(filter(None, str(examples or "").split("\n"))))
        for metric, target, other, grain, run_id, at, compared, differing, examples in rows(cursor, statement)
    ]  # fmt: skip
