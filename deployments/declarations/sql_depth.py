"""How deep a text of SQL may be nested before it is given to a parser at all."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.declarations.sql_functions import CALLABLE, GRAMMAR
from deployments.declarations.sql_text import ONE_SELECT, SqlFault, Token

DEEPEST = 100
"""Brackets within brackets."""
DEEPEST_TYPES = 5
"""Of these such as a type has them, decimal(...) or x[...]: a parser tries each of them in several ways."""
MOST_SETS = 200
"""SELECTs that are joined by UNION, INTERSECT or EXCEPT: a parser makes a level of each."""
_OPENING, _CLOSING, _SETS = ("(", "["), (")", "]"), ("union", "intersect", "except", "minus")


def too_deep(words: Sequence[Token]) -> SqlFault | None:
    """What is nested deeper than any query that people read; None when nothing is."""
    types: list[bool] = []
    sets = again = 0
    for index, word in enumerate(words):
        if word.text in _OPENING:
            before = words[index - 1] if index else None
            types.append(word.text == "[" or (before is not None and _is_of_a_type(before)))
            again = again + 1 if before is not None and (before.text, word.text) == ("]", "[") else 0
            if len(types) > DEEPEST or max(sum(types), again) > DEEPEST_TYPES:
                return SqlFault("is nested too deeply to be read", ONE_SELECT, word.start)
        elif word.text in _CLOSING and types:
            types.pop()
        elif word.kind == "word" and word.name in _SETS:
            sets += 1
            if sets > MOST_SETS:
                return SqlFault(f"joins more than {MOST_SETS} SELECTs by UNION and the like", ONE_SELECT, word.start)
    return None


def _is_of_a_type(word: Token) -> bool:
    return word.is_name and word.name not in CALLABLE and not (word.kind == "word" and word.name in GRAMMAR)
