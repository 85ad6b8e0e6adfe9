"""Keys of rows whose combination of columns occurs more than once, asked of the warehouse itself.

The library counts them there and doesn't say which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.declarations.suite import Rule
from expectations.suites.targets import WarehouseTable

TYPE = "expect_compound_columns_to_be_unique"


def duplicate_keys(engine: Any, target: WarehouseTable, rule: Rule, key: Sequence[str], sample: int) -> list[Any]:
    """Key values of at most `sample` rows that share all of the rule's columns with another row, one mapping a row.

    Rows without a value in one of the columns are nobody's duplicate. Nothing for a rule about some rows only.
    """
    import sqlalchemy as sa

    if rule.kwargs.get("row_condition"):
        return []
    columns = rule.columns
    named: list[Any] = [sa.column(name) for name in dict.fromkeys((*columns, *key))]
    table = sa.table(target.table, *named, schema=target.schema)
    groups = (
        sa.select(*(table.c[name] for name in columns))
        .where(*(table.c[name].isnot(None) for name in columns))
        .group_by(*(table.c[name] for name in columns))
        .having(sa.func.count() > 1)
        .subquery("doubled")
    )
    same = sa.and_(*(table.c[name] == groups.c[name] for name in columns))
    query = sa.select(*(table.c[name] for name in key)).select_from(table.join(groups, same)).limit(sample)
    with engine.connect() as connection:
        return [dict(zip(key, row, strict=True)) for row in connection.execute(query)]
