"""Rows set aside are kept as a few bounded examples, never of a table with masked columns."""

from __future__ import annotations

from types import SimpleNamespace

from tasks.validate import EXAMPLE_CHARACTERS, EXAMPLES, examples_of


def part(*rows):
    return SimpleNamespace(quarantined=[SimpleNamespace(code=code, column="a", raw=raw) for code, raw in rows])


def test_a_few_of_each_reason_bounded_and_printable():
    rows = [("X", f"{n},\x00\x1b[31m" + "y" * 500 + "\n") for n in range(9)]
    found = examples_of(SimpleNamespace(masked=()), [part(*rows[:4]), part(*rows[4:], ("Y", None), ("Y", "1\n"))])
    assert [len(found["X", "a"]), found["Y", "a"]] == [EXAMPLES, ["1"]]
    assert all(len(text) == EXAMPLE_CHARACTERS and text.isprintable() for text in found["X", "a"])


def test_none_where_a_column_is_masked():
    assert examples_of(SimpleNamespace(masked=("email",)), [part(("X", "ada@example.com"))]) == {}
