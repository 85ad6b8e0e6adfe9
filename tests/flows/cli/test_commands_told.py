"""Commands that pages and notices tell people to type can be typed: they exist and take these arguments."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flows.cli import cli

ROOT = Path(__file__).parents[3]
CATALOGS = [ROOT / "expectations/report/texts.json", ROOT / "tasks/notices/texts.json"]
VALUES = {"until": "2027-01-01", "window": "2026-01-01", "kinds": "values --kind format", "codes": "A --override B",
          "file": str(ROOT / "README.md")}  # fmt: skip


def texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def told() -> list[str]:
    found = [text for catalog in CATALOGS for text in texts(json.loads(catalog.read_text()))]
    code = "\n".join(file.read_text() for package in ("flows", "tasks", "expectations", "deployments")
                     for file in (ROOT / package).rglob("*.py"))  # fmt: skip
    found += re.findall(r'next_command=f?"(headgate [^"]+)"', code)
    lines = [re.split(r"\s{2,}|\s*\(|;|&&| and ", text)[0] for text in found if text.startswith("headgate ")]
    return sorted(set(lines))


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
