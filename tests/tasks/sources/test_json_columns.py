"""Records are written column by column; here one value after the other, and both must be the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from expectations.contract.split import Reject
from tasks.sources import json_text
from tasks.sources.json_rows import AT_ONCE, Rows, judged
from tasks.sources.json_text import Spelled, nested_text
from tasks.sources.rest_pages import _written

NUMBERS = st.one_of(
    st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.0", "1", "-0", "1E400", "0.1000", "1e-7", "123456789012345678901234567890", "NaN", "-Infinity"]),
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(['"', '"":', "a,b\n", "", "null", "1", "한글", "\ud83d", "\0"]))
SCALARS = st.one_of(NUMBERS, TEXTS.map(json.dumps), st.sampled_from(["null", "true", "false"]))
KEYS = st.sampled_from(["a", "b", "c", 'd"', "\udc00"]).map(json.dumps)


def written(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(written),
    ),
    max_leaves=4,
)
# Columns of one kind, as most are, and of any.
RECORDS = st.one_of(
    st.lists(st.lists(st.tuples(KEYS, VALUES), max_size=5).map(written), max_size=8),
    st.lists(st.tuples(NUMBERS, TEXTS).map(lambda p: written([('"a"', p[0]), ('"b"', json.dumps(p[1]))])), max_size=8),
)
PAGES = st.lists(RECORDS, min_size=1, max_size=3)


def field(value: Any) -> str:
    """A value as a field of CSV."""
    if value is None or isinstance(value, Spelled):
        return value or ""
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else nested_text(value)
    return '"' + text.replace('"', '""') + '"'


def one_by_one(pages: Sequence[list[dict[str, Any]]], names: list[str]) -> tuple[bytes, list[Reject]]:
    """The lines of records of which each has all the keys that count."""
    aside: list[Reject] = []
    header, place = list(names), 0
    lines: list[bytes] = []
    for records in pages:
        for record in records:
            code = json_text.fault_of(record)
            try:
                for key in record:
                    key.encode()
                line = ",".join(field(record.get(name)) for name in header) + "\n"
                lines += [line.encode()] if code is None else []
            except UnicodeEncodeError:
                code = code or "HALF-CHARACTER"
            if code is not None:
                aside.append(Reject(place, code, nested_text(record).encode("utf-8", "backslashreplace")))
            place += 1
    return (",".join(map(field, header)) + "\n").encode() + b"".join(lines), aside


@given(PAGES)
@example([['{"a": 1, "b": "x"}'] * (AT_ONCE + 1), ['{"a": 2, "b": "\\ud83d"}'] * 3 + ['{"a": 1.0}'] * AT_ONCE])
def test_columns_are_written_as_single_values_are(pages: list[list[str]]) -> None:
    parsed = [json_text.parse(f"[{','.join(page)}]") for page in pages]
    # A first record with every key, so that none is new later.
    names = ["a", "b", "c", 'd"']
    whole = dict.fromkeys(names, Spelled("1"))
    first = [whole, *parsed[0].document]
    documents = [first, *(page.document for page in parsed[1:])]
    aside: list[Reject] = []
    rows = Rows("here", names, frozenset(names), aside)
    suspects = [page.suspect for page in parsed]
    data = b"".join(
        rows.lines(judged(document, suspect) for document, suspect in zip(documents, suspects, strict=True))
    )
    assert (data, aside) == one_by_one(documents, names)


def test_a_block_of_lines_is_what_is_handed_on() -> None:
    """Memory holds so many lines; what was set aside is known when the lines behind it come."""
    records: list[dict[str, Any]] = [{"a": Spelled(str(n)), "b": "\ud83d" if n == 1_500 else "x"} for n in range(2_500)]
    aside: list[Reject] = []
    chunks = Rows("here", ["a", "b"], frozenset(), aside).lines([[*records]])
    assert [(next(chunks).count(b"\n"), len(aside)) for _ in range(4)] == [(1, 0), (1_000, 0), (999, 1), (500, 1)]
    assert [reject.record for reject in aside] == [1_500]


@given(RECORDS, RECORDS)
@example(['{"a": 1}'], ['{"a": "1"}'])
@example(['{"a": null}'], ['{"a": "null"}'])
@example(['{"a": 1, "b": 2}'], ['{"b": 2, "a": 1}'])
@example(['{"a": "\\ud83d"}'], ['{"a": "\\\\ud83d"}'])
@example([f'{{"a": {"[" * 300 + "]" * 300}}}'], [f'{{"a": {"[" * 301 + "]" * 301}}}'])
def test_pages_are_the_same_when_their_records_are(one: list[str], other: list[str]) -> None:
    """A number and a text of the same letters count as one, as they always have."""
    first, second = (json_text.parse(f"[{','.join(page)}]").document for page in (one, other))
    assert (_written(first) == _written(second)) is (repr(first) == repr(second))
    again = json_text.parse(f"[ {' , '.join(one)} ]").document
    assert _written(first) == _written(again)
