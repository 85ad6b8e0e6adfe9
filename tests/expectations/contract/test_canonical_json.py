"""The one spelling of a JSON value is the one that PostgreSQL's jsonb writes; what would lose something has none."""

from __future__ import annotations

import json
import random
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from deployments.embedded.stack import StackState
from expectations.contract.canonical_json import canonical

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
numbers = (
    st.integers(-(10**37), 10**37)
    | st.decimals(-(10**9), 10**9, places=6)
    | st.floats(-1e300, 1e300, allow_subnormal=False)
)
values = st.recursive(
    st.none() | st.booleans() | numbers.map(lambda number: Number(str(number))) | st.text(letters, max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(letters, max_size=4), inner, max_size=4),
    max_leaves=12,
)


class Number(str):
    """A number as it is to be written."""


def written(value: Any, chance: random.Random) -> str:
    """JSON text in one of the many ways that it may be written in."""
    blank = chance.choice(["", " ", "\n", "\t "])
    if isinstance(value, Number):
        return f"{blank}{value}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, chance) for item in value) + f"{blank}]"
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key)}{blank}:{written(item, chance)}" for key, item in value.items()]
        return "{" + ",".join(pairs) + "}" + blank
    return blank + json.dumps(value, ensure_ascii=chance.random() < 0.5)


def test_it_is_what_jsonb_writes(clients: StackState) -> None:
    with closing(psycopg2.connect(str(clients.warehouse_url))) as connection, connection.cursor() as cursor:

        @settings(max_examples=40, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(st.lists(values, min_size=1, max_size=50), st.randoms(use_true_random=False))
        def compare(found: list[Any], chance: random.Random) -> None:
            texts = [written(value, chance) for value in found]
            cursor.execute(
                "SELECT array_agg(v::jsonb::text ORDER BY n) FROM unnest(%s) WITH ORDINALITY t (v, n)", (texts,)
            )
            (told,) = cursor.fetchone() or ([],)
            assert [canonical(text) for text in texts] == told

        compare()


@pytest.mark.parametrize("text", [
    "", " ", "{", "[1,]", "{'a': 1}", "NaN", "[Infinity]", "-Infinity", "01", "1.", ".5", "+1", "nul", "a", '"a', '{"a":1}x',
    "[1] 2",
    '{"a": 1, "a": 2}', '[{"a": 1, "a": 1}]', '"\\u0000"', '{"\\u0000": 1}', '"\\ud800"', '"\\x41"', '"a\nb"', "1e400",
    "1e-400", "1e99999999999999999999",
    "1" * 39, "0." + "1" * 39, "[" * 201 + "]" * 201, "[" * 100_000, "\ufeff1", "\N{NO-BREAK SPACE}1",
])  # fmt: skip
def test_what_would_lose_something_has_none(text: str) -> None:
    assert canonical(text) is None


def test_what_is_kept() -> None:
    assert (
        canonical('{"bb": 1, "a": [1.50, -0.0, 1e2], "é": "\\u00e9/\\/"}')
        == '{"a": [1.50, 0.0, 100], "bb": 1, "é": "é//"}'
    )
    assert canonical("1" * 38) == "1" * 38
    assert canonical('"\\\\u0000"') == '"\\\\u0000"'
    assert canonical("[" * 199 + "]" * 199) is not None
