"""Whether the decisions that the warehouse keeps are those that were made."""

from __future__ import annotations

from itertools import islice

from tasks.reachable import Line
from tasks.warehouses import decision_chain, names
from tasks.warehouses.names import TableName
from tasks.warehouses.session import session
from tasks.workbench import Workbench

ALTERED = "DECISIONS-ALTERED"
_SHOWN = 5


def look_at_decisions(bench: Workbench) -> Line:
    """The end of the chain, to be noted elsewhere; or the first breaks of it, the first row first."""
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "decision_head")):
            return Line("decisions", True, "aren't sealed yet; the next run does that")
        links, heads = decision_chain.read(cursor)
    breaks = list(islice(decision_chain.breaks(links, heads), _SHOWN + 1))
    if not breaks:
        changed = decision_chain.witness(bench.settings.state, adapter.address.place, links)
        breaks = [] if changed is None else [changed]
    if breaks:
        more = "; and more" if len(breaks) > _SHOWN else ""
        said = f"{ALTERED}: {'; '.join(breaks[:_SHOWN])}{more}"
        return Line("decisions", False, said, "keep a copy of ops.decision, then docs/runbooks/operations.md")
    if not links:
        return Line("decisions", True, "none was made yet")
    return Line("decisions", True, f"{len(links)} as they were made; the last one's seal is {links[-1].seal}")
