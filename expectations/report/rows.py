"""A table's row on the start page."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.report.about import Described
from expectations.report.lines import by_batch
from expectations.report.model import Because, Freshness, Line, OpenItem, StartRow, State, TakenBack

SHOWN_ITEMS = 3
SPARK_BATCHES = 30


def start_row(
    described: Described,
    lines: Sequence[Line],
    state: State,
    items: Sequence[OpenItem],
    fresh: Freshness,
    because: tuple[Because, ...] = (),
    taken_back: TakenBack | None = None,
) -> StartRow:
    """Everything the start page says of one table; small, whatever the table's history."""
    told = [line for line in lines if line.status not in ("checked", "running")]
    last = told[-1] if told else None
    standing = by_batch(lines)
    newest = standing[-1] if standing else None
    return StartRow(
        table=described.table, kind=described.kind, description=described.description, owner=described.owner,
        tier=described.tier, inputs=described.inputs, state=state, because=because, taken_back=taken_back, freshness=fresh,
        last_run=last.run_id if last else "", last_label=last.label if last else "",
        last_status=last.status if last else "", last_at=last.at if last else None,
        rows=tuple(line.figures["rows"] for line in standing[-SPARK_BATCHES:] if "rows" in line.figures),
        published_rows=newest.counts.get("published") if newest else None,
        set_aside=newest.counts.get("quarantined", 0) if newest else 0,
        passed=last.passed if last else 0, judged=last.judged if last else 0, rules=len(described.rules),
        open_items=tuple(items[:SHOWN_ITEMS]), open_count=len(items),
    )  # fmt: skip
