"""CSV in other dialects becomes RFC 4180 without a value changed; what isn't of the dialect is set aside."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.declarations.sources import CsvSource
from deployments.errors import HeadgateError
from expectations.contract.split import Reject
from tasks.sources.dialect import as_rfc4180

Read = Callable[..., bytes]


def rewritten(text: bytes, step: int = 1 << 20, **keys: Any) -> tuple[bytes, list[Reject]]:
    source = CsvSource.model_validate({"kind": "csv", "url": "file:///a.csv", **keys})
    aside: list[Reject] = []
    pieces = (text[start : start + step] for start in range(0, len(text), step))
    return b"".join(as_rfc4180(pieces, source, aside, "a.csv")), aside


SINGLE = {"quote": "'"}
ESCAPED = {"escape": "\\"}
CASES: dict[str, tuple[dict[str, Any], bytes, bytes]] = {
    "another quote": (SINGLE, b"'a,b',c\n'it''s','x\ny'\n", b'"a,b",c\n"it\'s","x\ny"\n'),
    "the usual quote is a letter then": (SINGLE, b'a,b\n5",say "x"\n', b'a,b\n"5""","say ""x"""\n'),
    "an empty text stays one": (SINGLE, b"a,b\n'',\n", b'a,b\n"",\n'),
    "no quote": ({"quote": "none", "delimiter": "tab"}, b'a\tb\n"x\t\'y\n', b'a\tb\n"""x"\t\'y\n'),
    "an escaped quote": (ESCAPED, b'a,b\n"x\\"y","z\\\\"\n', b'a,b\n"x""y","z\\"\n'),
    "doubled as well": (ESCAPED, b'a\n"x""y\\""\n', b'a\n"x""y"""\n'),
    "an escape outside of quotes": (ESCAPED, b"a,b\nx\\,y,\\\"\n", b'a,b\n"x,y",""""\n'),
    "an escaped line end": (ESCAPED, b"a,b\nx\\\ny,\\\r\n\n", b'a,b\n"x\ny","\r\n"\n'),
    "an escape before a letter stays": (ESCAPED, b'a,b\n\\N,"C:\\new"\n', b'a,b\n\\N,"C:\\new"\n'),
    "comments": ({"comment": "#"}, b'#1\na,b\n#"2\n"x\n#3",y\n#4', b'a,b\n"x\n#3",y\n'),
    "lines before the header": ({"skip_lines": 2}, b'Report "of\n\na,b\n1,2\n', b"a,b\n1,2\n"),
    "lines, then comments": ({"skip_lines": 1, "comment": ";"}, b"x\n;y\na\n1\n", b"a\n1\n"),
    "CRLF": (SINGLE, b"a,b\r\n'x\r\ny',2\r\n", b'a,b\n"x\r\ny",2\n'),
    "no line end at the end": (SINGLE, b"a,b\n'x',2", b'a,b\n"x",2\n'),
}  # fmt: skip


@pytest.mark.effect("CsvSource.quote", "CsvSource.escape", "CsvSource.comment", "CsvSource.skip_lines")
@pytest.mark.parametrize("case", CASES)
def test_a_dialect(tmp_path: Path, read: Read, case: str) -> None:
    keys, text, expected = CASES[case]
    (tmp_path / "a.csv").write_bytes(text)
    assert read({"kind": "csv", "url": f"file://{tmp_path}/a.csv", **keys}) == expected
    assert read({"kind": "csv", "url": f"file://{tmp_path}/a.csv"}) != expected or "letter" in case


@pytest.mark.parametrize(("keys", "text", "good", "line"), [
    (SINGLE, b"a\n1\n'x\n2\n", b"a\n1\n2\n", b"'x"),
    (SINGLE, b"a\n1\n'x'y\n2\n", b"a\n1\n2\n", b"'x'y"),
    (SINGLE, b"a\n1\nx'y\r\n2\n", b"a\n1\n2\n", b"x'y"),
    (ESCAPED, b'a\n1\n"x\\"\n2\n', b"a\n1\n2\n", b'"x\\"'),
    ({"comment": "#"}, b'a\n1\n#\n"x"y\n2\n', b"a\n1\n2\n", b'"x"y'),
])  # fmt: skip
def test_what_is_not_of_the_dialect_is_set_aside(keys: Any, text: bytes, good: bytes, line: bytes) -> None:
    assert rewritten(text, **keys) == (good, [Reject(1, "BAD-QUOTING", line)])


def test_an_unreadable_header_is_told() -> None:
    with pytest.raises(HeadgateError, match="the header isn't text") as caught:
        rewritten(b"'a\n1\n", **SINGLE)
    assert caught.value.code == "BAD-HEADER"


def test_records_are_counted_through_blocks() -> None:
    """With blocks that hold no mark of the dialect before and behind."""
    plain = b"1234567,x\n" * 150_000
    text = b"a,b\n" + plain + b"'x,1\n" + plain
    data, aside = rewritten(text, step=100_000, **SINGLE)
    assert data == b"a,b\n" + plain + plain
    assert aside == [Reject(150_000, "BAD-QUOTING", b"'x,1")]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(st.text("ab,;'\"\\#\t\né ", max_size=6), min_size=2, max_size=2), min_size=1, max_size=5),
    quote=st.sampled_from(["'", '"']), double=st.booleans(), every=st.booleans(),
)  # fmt: skip
def test_what_another_program_writes_arrives(rows: list[list[str]], quote: str, double: bool, every: bool) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(
        file, delimiter=";", quotechar=quote, escapechar="\\", doublequote=double, lineterminator="\n",
        quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    writer.writerows([["x", "y"], *rows])
    data, aside = rewritten(file.getvalue().encode(), delimiter=";", quote=quote, escape="\\")
    assert aside == []
    assert list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=";")) == [["x", "y"], *rows]


@pytest.mark.parametrize("keys", [
    {"quote": "''"}, {"quote": "a"}, {"escape": "none"}, {"escape": '"'}, {"comment": ","}, {"comment": " "},
    {"skip_lines": -1}, {"quote": "é"}, {"quote": "#", "comment": "#"},
])  # fmt: skip
def test_dialects_that_cannot_be_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        CsvSource.model_validate({"kind": "csv", "url": "file:///a.csv", **keys})
