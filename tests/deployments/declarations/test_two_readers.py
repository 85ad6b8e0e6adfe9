"""Two readers of YAML, a quick one for the values and one that knows lines, see the same declaration."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deployments.declarations.parsing import plain
from deployments.declarations.problems import Problem
from deployments.declarations.yaml_source import line_of, read_yaml

SCALARS = ["yes", "no", "on", "012", "0o17", "0x1F", "1_000", "1e3", ".inf", "~", "null", "Null", "2024-01-01", "12:30",
           "190:20:30", "True",
            "tRUE", "+1", "1.", ".5", "0b11", "'012'", "y", "0.1.2", "1,000", "09", "-.5", "[a, ~, yes]", "{a: 1}", "=",
           "!!str 12", '"a\\tb"', "'it''s'", "|\n  text\n  more", ">-\n  folded\n  text", "# nothing"]  # fmt: skip


def both(text: str) -> tuple[object, object]:
    problems: list[Problem] = []
    document = read_yaml(Path("x.yaml"), problems, text=text)
    assert document is not None, problems
    return plain(document), plain(YAML(typ="rt").load(text))


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_value(scalar: str) -> None:
    quick, marked = both(f"null: {scalar}\nother: 1\n")
    # The library's own reader that knows lines makes a value of a class of its own of these.
    told = {"!!str 12": "12", "=": "="}.get(scalar)
    if told is not None:
        assert quick == {"null": told, "other": 1}
    else:
        assert repr(quick) == repr(marked)


@pytest.mark.parametrize(
    "text", ["a: &b {c: 1}\nd:\n  <<: *b\n  e: 2\n", "%YAML 1.1\n---\na: yes\n", "a: &x 1\nb: *x\n"]
)
def test_a_document(text: str) -> None:
    quick, marked = both(text)
    assert quick == marked


def test_every_declaration_of_the_example() -> None:
    files = [file for file in Path(__file__).parents[3].rglob("*.y*ml") if ".venv" not in file.parts]
    read = 0
    for file in files:
        document = read_yaml(file, [])
        if document is not None:
            assert plain(document) == plain(document.marked), file
            read += 1
    assert read >= 20


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a: 1\nb: [1\nc: 2\n", 3),
        ("a: 1\n\t- 1\n", 2),
        ("a: \x01\n", 0),
        ("a: 1\nc: {mode\t x, y: 1}\n", 2),
        ("a: x\ns\tx: {b: 1}\n", 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int) -> None:
    problems: list[Problem] = []
    assert read_yaml(Path("x.yaml"), problems, text=text) is None
    assert [problem.line for problem in problems] == [line]


def test_the_line_of_a_value() -> None:
    document = read_yaml(Path("x.yaml"), [], text="a: 1\nb:\n  - c: 1\n    d: 2\n")
    assert line_of(document, ("b", 0, "d")) == 4


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n", "a: &a {b: [*a]}\n"])
def test_aliases_that_stand_for_too_much_are_told(text: str) -> None:
    problems: list[Problem] = []
    assert read_yaml(Path("x.yaml"), problems, text=text) is None
    assert "holds too much, or itself" in str(problems[0])


def test_aliases_that_repeat_a_little_are_read() -> None:
    document = read_yaml(Path("x.yaml"), [], text="a: &a [1, 2]\nb: *a\nc: {d: *a, e: [*a, *a]}\n")
    assert document is not None
    assert document["c"] == {"d": [1, 2], "e": [[1, 2], [1, 2]]}


@pytest.mark.parametrize("levels", [200, 900, 2_000, 100_000])
@pytest.mark.parametrize("form", ["a: {0}{1}", "a:\n  {2}x", "a:\n  {3}x", "a: {0}"])
def test_a_deep_declaration_is_told(form: str, levels: int) -> None:
    """A hundred thousand levels made libyaml run out of stack, and ended the process."""
    problems: list[Problem] = []
    text = form.format("[" * levels, "]" * levels, "- " * levels, "? " * levels)
    assert read_yaml(Path("x.yaml"), problems, text=text) is None
    assert len(problems) == 1
