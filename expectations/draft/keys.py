"""Which fields could identify a record: alone, or two or three together. Found by counting, judged by name and kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from expectations.draft.facts import FieldFacts
from expectations.draft.measure import Records

_ID = re.compile(r"(^|_)(id|key|uuid|guid|no|nr|number|code|sku|ref|reference|hash)$|^[a-z]+id$")
_TIME = re.compile(r"(^|_)(date|day|time|at|on|ts|timestamp|hour|month|datestamp)$")
_LONGEST_BYTES = 64
_FIELDS, _TRIED, _TOLD = 8, 40, 3


@dataclass(frozen=True, slots=True)
class Keys:
    """`candidates`: positions of fields, best first. `repeated`: records that are an exact copy of another one."""

    candidates: tuple[tuple[int, ...], ...]
    repeated: int
    convincing: bool = False
    """Whether the first candidate also looks like a key: by its names, and not by accident of a few records."""


def is_named_like_id(name: str) -> bool:
    """Whether a name says that its values tell things apart."""
    return _ID.search(name) is not None


def find_keys(records: Records, names: Sequence[str], types: Sequence[str], facts: Sequence[FieldFacts]) -> Keys:
    """The smallest sets of fields without nulls whose values together occur once each."""
    rows = records.rows
    if rows < 2:
        return Keys((), 0)
    fit = [i for i in range(len(names)) if _may_identify(types[i], facts[i])]
    score = {i: _score(names[i], types[i], i) for i in fit}
    alone = sorted((i for i in fit if facts[i].distinct == rows), key=lambda i: -score[i])
    if alone:
        return Keys(tuple((i,) for i in alone[:_TOLD]), 0, convincing=score[alone[0]] > 0)
    repeated = rows - records.different(())
    if repeated:
        return Keys((), repeated)
    chosen = sorted(sorted(fit, key=lambda i: (-(score[i] > 0), -facts[i].distinct))[:_FIELDS])
    for size in (2, 3):
        # Measures tell records apart by accident: a pair needs one field that is named like it, three need three.
        named = [c for c in combinations(chosen, size) if sum(score[i] > 0 for i in c) >= (1 if size == 2 else 3)]
        possible = sorted((c for c in named if _product(c, facts) >= rows), key=lambda c: -sum(score[i] for i in c))
        found = [c for c in possible[:_TRIED] if records.different(c) == rows]
        if found:
            sure = rows >= 100 and all(score[i] > 0 for i in found[0])
            return Keys(tuple(found[:_TOLD]), 0, convincing=sure)
    return Keys((), 0)


def _may_identify(kind: str, facts: FieldFacts) -> bool:
    absent = facts.rows - facts.filled
    if absent or facts.distinct < 2 or facts.longest > _LONGEST_BYTES:
        return False
    return not kind.startswith(("decimal", "double", "boolean", "json"))


def _score(name: str, kind: str, position: int) -> float:
    """Above 0 for what is named like a key or a moment; earlier fields first."""
    if name == "id":
        return 4.0
    if is_named_like_id(name):
        return 3.0 - position / 100
    if _TIME.search(name) or kind.startswith(("date", "timestamp")):
        return 1.0 - position / 100
    return -position / 100 - (1.0 if kind.startswith("varchar") else 0.0)


def _product(combination: tuple[int, ...], facts: Sequence[FieldFacts]) -> int:
    product = 1
    for position in combination:
        product *= facts[position].distinct
    return product
