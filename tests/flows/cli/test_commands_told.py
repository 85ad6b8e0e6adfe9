"""Commands that pages and notices tell people to type can be typed: they exist and take these arguments."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from deployments.errors import HeadgateError
from deployments.next_commands import written
from flows.cli import cli

ROOT = Path(__file__).parents[3]
CATALOGS = [ROOT / "expectations/report/texts.json", ROOT / "tasks/notices/texts.json"]
VALUES = {"until": "2027-01-01", "window": "2026-01-01", "kinds": "values --kind format", "codes": "A --override B",
          "file": str(ROOT / "README.md"), "overrides": "--override A", "more": "--override A"}  # fmt: skip


VERBS = {
    "and", "from", "keeps", "knows", "loads", "makes", "project:", "read", "reads", "shop", "stages", "that", "wait_for",
}  # fmt: skip
"""Words after the name in sentences about it."""
PROSE = (
    "headgate reads Parquet, CSV, JSON",
    "headgate wait_for",
    "headgate retry",
    r"headgate peek SOURCE( --\S+ \S+)?",
)
"""What begins such a sentence, a name in the database, and what the code itself searches for."""


def texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def strings(file: Path) -> Iterator[str]:
    """Every text of a module but its docstrings; what an f-string fills in stands in braces."""
    source = file.read_text()
    if "headgate" not in source:
        return
    # Every worker collects: a tree is walked once.
    nodes = [*ast.walk(ast.parse(source))]
    apart = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    apart |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{_name(part)}}}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            yield node.value


def _name(part: ast.expr) -> str:
    """What an f-string fills in, as it is written, without braces of its own."""
    return re.sub(r"[{}]", "", ast.unparse(part.value)) if isinstance(part, ast.FormattedValue) else ""


@cache
def printed() -> list[str]:
    """Every text that names us and can reach a person: of the catalogues, of templates, of runbooks and of the code."""
    found = [text for catalog in CATALOGS for text in texts(json.loads(catalog.read_text()))]
    found += [file.read_text() for file in sorted((ROOT / "expectations/report/templates").iterdir())]
    found += [file.read_text() for file in sorted((ROOT / "docs/runbooks").glob("*.md"))]
    for package in ("deployments", "expectations", "tasks", "flows"):
        found += [text for file in sorted((ROOT / package).rglob("*.py")) for text in strings(file)]
    return found


def told() -> list[str]:
    """Commands by themselves: what begins a text, or a step of one, to the remark beside it."""
    steps = [step for text in printed() if text.startswith("headgate ") for step, _ in written(text)]
    lines = [re.split(r"\s{2,}|\s+[(#·]|;|&&| and |, or |\n|`|\)$", step)[0].strip() for step in steps]
    return sorted({line for line in lines if line.startswith("headgate ") and line not in PROSE})


def mentioned() -> list[str]:
    """Commands wherever they stand, with whatever follows them in the same line."""
    found = {line for text in printed() for line in re.findall(r"(?<![\w/.-])headgate (?=[a-z-])[^\n`;]*", text)}
    return sorted(line for line in found if line.split()[1] not in VERBS)


def filled(text: str) -> list[str]:
    return shlex.split(
        re.sub(r"\{([^}]*)\}", lambda name: VALUES.get(name[1], "x"), text).replace("...", "x").replace("PORT", "8080")
    )


@pytest.mark.parametrize("text", told())
def test_what_people_are_told_to_type_is_a_command(text: str) -> None:
    words = filled(text)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="headgate")
    while isinstance(command, click.Group):
        if not words:
            return
        following = command.get_command(context, words[0])
        assert following is not None, f"no such command: {words[0]}"
        command, words = following, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    if words == ["--help"]:
        return
    command.make_context(command.name or "", words)


def handled() -> set[str]:
    """The names of our failures, each a class with a family."""
    found, kinds = {HeadgateError.__name__}, [HeadgateError]
    while kinds:
        below = kinds.pop().__subclasses__()
        found |= {kind.__name__ for kind in below if kind.__module__ == HeadgateError.__module__}
        kinds += below
    return found


def test_every_failure_says_what_to_do_next() -> None:
    silent, names = [], handled()
    for package in ("deployments", "expectations", "tasks", "flows"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())) if "Error(" in file.read_text() else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                    given = {word.arg for word in node.keywords}
                    # None: a caller's keywords are handed on.
                    silent += [f"{file.relative_to(ROOT)}:{node.lineno}"] if not given & {"next_command", None} else []
    assert not silent


@pytest.mark.parametrize("line", mentioned())
def test_a_command_that_is_named_anywhere_exists_with_its_options(line: str) -> None:
    words = re.sub(r"\{[^}]*\}", "x", line).split()[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith(("-", "x")):
        name, *words = words
        following = command.get_command(click.Context(command), name.strip(".,:)('\"|\\"))
        assert following is not None, f"no such command: {name}"
        command = following
    known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)} | {"--help", "-h"}
    of_this = re.split(r"headgate |&&|\bprefect\b", " ".join(words))[0]
    assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", of_this)) <= known
