"""Keys of rows that break a rule about a pattern, asked of the warehouse itself.

The library writes the pattern into a text and reads it back, which it can't with the control characters that `\\s` stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.declarations.suite import Rule
from expectations.suites.arguments import in_warehouse
from expectations.suites.targets import WarehouseTable

MATCH = ("expect_column_values_to_match_regex", "expect_column_values_to_match_regex_list")
TYPES = (*MATCH, "expect_column_values_to_not_match_regex", "expect_column_values_to_not_match_regex_list")


def unmatched_keys(engine: Any, target: WarehouseTable, rule: Rule, key: Sequence[str], sample: int) -> list[Any]:
    """Key values of at most `sample` rows that fail, one mapping a row; nothing for a rule about some rows only."""
    import sqlalchemy as sa

    if rule.kwargs.get("row_condition"):
        return []
    column = str(rule.kwargs["column"])
    table = sa.table(target.table, *(sa.column(name) for name in dict.fromkeys((column, *key))), schema=target.schema)
    kwargs = in_warehouse(rule.kwargs)
    patterns = kwargs.get("regex_list") or [kwargs["regex"]]
    hits = [table.c[column].op("~")(pattern) for pattern in patterns]
    if rule.type not in MATCH:
        fails = sa.or_(*hits)
    else:
        fails = sa.not_(sa.and_(*hits) if rule.kwargs.get("match_on") == "all" else sa.or_(*hits))
    query = sa.select(*(table.c[name] for name in key)).where(table.c[column].isnot(None), fails).limit(sample)
    with engine.connect() as connection:
        return [dict(zip(key, row, strict=True)) for row in connection.execute(query)]
