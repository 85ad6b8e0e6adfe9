"""Which column an unusual figure is blamed on, and which figure speaks for a column and kind."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.drift.block import Array
from expectations.drift.figures import Key

Group = tuple[str | None, str]

# Figures below this are not news: they are neither told nor assigned.
FLOOR = 0.3


def blamed(keys: Sequence[Key], scores: Array) -> dict[Group, int]:
    """The strongest figure of every column and kind. A figure between two columns goes to the column that explains most
    of the unusual ones; where nothing tells them apart, to both.
    """
    result: dict[Group, int] = {}
    between: list[int] = []
    for i, key in enumerate(keys):
        if scores[i] < FLOOR:
            continue
        if key.figure.other != "column":
            _add(result, (key.column, key.kind), i, scores)
        else:
            between.append(i)
    suspicion = _suspicion(keys, scores, result, between)
    for i in between:
        first, second = keys[i].column, keys[i].second
        for column in _guilty(first, second, suspicion):
            _add(result, (column, keys[i].kind), i, scores)
    return result


def _suspicion(
    keys: Sequence[Key], scores: Array, own: dict[Group, int], between: Sequence[int]
) -> dict[str | None, float]:
    """How much speaks against each column: its own strongest figures, and all its unusual figures with others."""
    total: dict[str | None, float] = {}
    for (column, _), i in own.items():
        if scores[i] >= 1:
            total[column] = total.get(column, 0.0) + min(float(scores[i]), 5.0)
    for i in between:
        if scores[i] >= 0.7:
            for column in (keys[i].column, keys[i].second):
                total[column] = total.get(column, 0.0) + min(float(scores[i]), 5.0)
    return total


def _guilty(first: str | None, second: str | None, suspicion: dict[str | None, float]) -> tuple[str | None, ...]:
    a, b = suspicion.get(first, 0.0), suspicion.get(second, 0.0)
    if a > 1.5 * b:
        return (first,)
    if b > 1.5 * a:
        return (second,)
    return first, second


def _add(result: dict[Group, int], group: Group, i: int, scores: Array) -> None:
    if group not in result or scores[i] > scores[result[group]]:
        result[group] = i
