"""Which tables and summaries are meant: names, patterns, and the tags that Prefect's page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from deployments.declarations.problems import nearest
from deployments.errors import DeclarationError
from deployments.project import Project
from flows.deploy.wanted import tags_of

ALL = "all"


def selected(project: Project, asked: Sequence[str]) -> list[str]:
    """Full names, tables first, each once; everything declared when nothing is asked for.

    A name (`orders`, `shop.orders`), a pattern (`shop.*`), `owner:`, `tier:`, `tag:` or `table:` with a value or a pattern,
    or `all`. DeclarationError for what selects nothing.
    """
    declared = [*project.tables, *project.build_order()]
    if not asked:
        return declared
    chosen = {name for one in asked for name in _meant(project, declared, one)}
    return [name for name in declared if name in chosen]


def _meant(project: Project, declared: Sequence[str], one: str) -> list[str]:
    if one == ALL:
        return list(declared)
    if is_name(one):
        return [project.full_name(one)]
    found = list(_matching(project, declared, one))
    if not found:
        kind, colon, _ = one.partition(":")
        known = (
            {tag for name in declared for tag in tags_of(project, name) if tag.startswith(f"{kind}:")}
            if colon
            else set()
        )
        hint = nearest(one, known)
        raise DeclarationError(
            f"'{one}' selects no table and no summary" + (f"; did you mean '{hint}'?" if hint else ""),
            code="UNKNOWN-TABLE", next_command="headgate plan",
        )  # fmt: skip
    return found


def is_name(one: str) -> bool:
    """Whether it names one table or summary, and selects none by a pattern or a tag."""
    return one != ALL and ":" not in one and not any(letter in one for letter in "*?[")


def _matching(project: Project, declared: Sequence[str], pattern: str) -> Iterator[str]:
    for name in declared:
        known = tags_of(project, name) if ":" in pattern else (name, name.partition(".")[2])
        if any(fnmatchcase(text, pattern) for text in known):
            yield name
