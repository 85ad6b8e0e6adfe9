"""What to type next, as errors tell it: commands with remarks in brackets, joined by "; " or "; then: "."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"(headgate .*?)(?:\s{2,}\((.*)\))?")
_THEN = re.compile(r";\s+(?:then:?\s+)?")
_PLACEHOLDER = re.compile(r"\bRUN\b|(?<!\")\.\.\.(?!\")|\bWINDOW\b")


def written(next_command: str) -> list[tuple[str, str]]:
    """Each step as (what to type or do, a remark). What begins with `headgate ` can be typed; the rest is for people."""
    steps = []
    for part in filter(None, _THEN.split(next_command)):
        found = _COMMAND.fullmatch(part)
        steps.append((part, "") if found is None else (found[1], found[2] or ""))
    return steps


def anew(schema: str, name: str) -> str:
    """What to type, in its order, so that a table is made and loaded anew as it is declared. Its rows stay under another name
    until somebody drops them; readers have no table in the meantime."""
    return (
        f'ALTER TABLE "{schema}"."{name}" RENAME TO "{name}_before"   (its rows stay there); '
        f"headgate repair {schema}.{name} --lost; headgate run {schema}.{name}"
    )


def is_typable(command: str) -> bool:
    """Whether a command can be typed as it stands: one of ours, with nothing left to fill in but a reason."""
    return command.startswith("headgate ") and not _PLACEHOLDER.search(command)


def leading_on(next_command: str | None, command: str) -> str:
    """What to do next, with `command` at its end where it names none of ours: what mends it is done elsewhere, and then?"""
    if next_command is None:
        return command
    return next_command if "headgate " in next_command else f"{next_command}; then: {command}"
