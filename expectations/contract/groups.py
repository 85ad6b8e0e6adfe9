"""Which columns and rules of a table one query judges: every step of an expression holds a vector of 2,048 values, so that a
query about hundreds of columns needs hundreds of MB. A wide table is judged some columns at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from expectations.contract.clocks import CLOCK
from expectations.contract.lexical import LexicalColumn
from expectations.contract.quoting import identifier
from expectations.rows.compile import RowRule

AT_ONCE = 150
"""Columns and rules that one query may judge: a column takes 0.2 to 0.6 MB of 192."""
A_JOIN = 10
"""What a rule with a long list of values counts as: DuckDB joins with it, and carries all columns along."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one query judges: columns by their place in the contract, and rules. `read` are the columns it needs for that."""

    columns: tuple[int, ...]
    rules: tuple[RowRule, ...]
    read: tuple[int, ...]


def groups_of(columns: Sequence[LexicalColumn], rules: Sequence[RowRule]) -> Iterator[Group]:
    """All columns and rules in one group where one query can hold them, else columns first: what is wrong with a value
    comes before what is wrong with the row.
    """
    every = tuple(range(len(columns)))
    # Some types ask several questions about a value: the clocks of a zone most of all.
    sizes = [3 if CLOCK in column.staged else 1 for column in columns]
    asked = [1 + A_JOIN * rule.predicate_sql.count(" IN (") for rule in rules]
    if sum(sizes) + sum(asked) <= AT_ONCE:
        yield Group(every, tuple(rules), every)
        return
    for run in _runs(sizes):
        yield Group(tuple(run), (), tuple(run))
    for run in _runs(asked):
        some = tuple(rules[at] for at in run)
        needed = (i for i in every if any(identifier(columns[i].name) in rule.predicate_sql for rule in some))
        yield Group((), some, tuple(needed))


def _runs(sizes: Sequence[int]) -> Iterator[range]:
    """Neighbours that together are no larger than AT_ONCE, at least one at a time."""
    start, total = 0, 0
    for at, size in enumerate(sizes):
        if at > start and total + size > AT_ONCE:
            yield range(start, at)
            start, total = at, 0
        total += size
    if sizes:
        yield range(start, len(sizes))
