"""Which rows failed, told by their key and nothing else; a masked key is told by its keyed hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deployments.declarations.suite import Rule
from expectations.suites.arguments import in_warehouse
from expectations.suites.plain import plain
from expectations.suites.targets import WarehouseTable

WITHHELD = "(masked)"
HASH_CHARACTERS = 16
_TOGETHER = "expect_compound_columns_to_be_unique"
_MATCH = ("expect_column_values_to_match_regex", "expect_column_values_to_match_regex_list")
ASKED = (
    _TOGETHER, *_MATCH, "expect_column_values_to_not_match_regex", "expect_column_values_to_not_match_regex_list",
)  # fmt: skip
"""Rules whose failing rows the library can't tell of a table in the warehouse.

Of combinations that occur more than once it says how many there are, and not which; a pattern it writes into a text and reads
back, which it can't with the control characters that `\\s` stands for.
"""


def listed_keys(listed: Sequence[Any], frame: Any, key: Sequence[str], sample: int) -> Sequence[Mapping[str, Any]]:
    """Key values of at most `sample` failing rows, from the list the library gives.

    In memory it lists positions in the frame; in the warehouse, mappings of key columns to lists of values.
    """
    if frame is not None:
        rows = frame.iloc[[int(position) for position in listed[:sample]]]
        columns = [list(rows[name]) for name in key]
    else:
        columns = [[value for entry in listed for value in entry[name]][:sample] for name in key]
    return [dict(zip(key, row, strict=True)) for row in zip(*columns, strict=True)]


def asked_keys(
    engine: Any, target: WarehouseTable, rule: Rule, key: Sequence[str], sample: int
) -> list[Mapping[str, Any]]:
    """The same for one of the rules that are `ASKED`, of the warehouse itself; nothing for a rule about some rows only."""
    import sqlalchemy as sa

    if rule.kwargs.get("row_condition"):
        return []
    names: list[Any] = [sa.column(name) for name in dict.fromkeys((*rule.columns, *key))]
    table = sa.table(target.table, *names, schema=target.schema)
    query = sa.select(*(table.c[name] for name in key)).limit(sample)
    query = _repeated(query, table, rule.columns) if rule.type == _TOGETHER else _spelled_otherwise(query, table, rule)
    with engine.connect() as connection:
        return [dict(zip(key, row, strict=True)) for row in connection.execute(query)]


def _repeated(query: Any, table: Any, columns: Sequence[str]) -> Any:
    """All rows that share all of the columns with another one; one without a value in them is nobody's duplicate."""
    import sqlalchemy as sa

    together = [table.c[name] for name in columns]
    filled = (column.isnot(None) for column in together)
    groups = sa.select(*together).where(*filled).group_by(*together).having(sa.func.count() > 1).subquery("doubled")
    return query.select_from(table.join(groups, sa.and_(*(table.c[name] == groups.c[name] for name in columns))))


def _spelled_otherwise(query: Any, table: Any, rule: Rule) -> Any:
    import sqlalchemy as sa

    column, kwargs = table.c[rule.columns[0]], in_warehouse(rule.kwargs)
    hits = [column.op("~")(pattern) for pattern in kwargs.get("regex_list") or [kwargs["regex"]]]
    fails = sa.or_(*hits)
    if rule.type in _MATCH:
        fails = sa.not_(sa.and_(*hits) if kwargs.get("match_on") == "all" else fails)
    return query.where(column.isnot(None), fails)


def shown_keys(
    rows: Sequence[Mapping[str, Any]], masked: Collection[str], mask_key: bytes
) -> tuple[Mapping[str, Any], ...]:
    """Keys as they may be kept: plain values, masked ones hashed, in an order that two runs share."""
    keys = [{name: _shown(value, name in masked, mask_key) for name, value in row.items()} for row in rows]
    return tuple(sorted(keys, key=lambda row: [(str(type(value)), value) for value in row.values()]))


def _shown(value: Any, is_masked: bool, mask_key: bytes) -> Any:
    shown = plain(value)
    if not is_masked or shown is None:
        return shown
    if not mask_key:
        # A hash without a key could be looked up by hashing every e-mail address there is.
        return WITHHELD
    return hmac.new(mask_key, str(shown).encode(), hashlib.sha256).hexdigest()[:HASH_CHARACTERS]
