"""Statements that run in the transaction of a summary's publish, from a short list; everything else has a reason not to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deployments.declarations.model import IDENTIFIER
from deployments.declarations.sql_text import SqlTextError, Token, tokens

_INSTEAD = {
    "insert": "rows come of the SELECT, where they are checked: write them into it",
    "update": "rows come of the SELECT, where they are checked: write them into it",
    "merge": "mode: merge does it, exactly once",
    "truncate": "it commits on Redshift, and readers would see an empty table: a build replaces rows by itself",
    "drop": "the table stays its readers': columns are changed by columns and on_schema_change",
    "alter": "the table stays its readers': columns are changed by columns and on_schema_change",
    "create": "what a SELECT needs is another summary, or a WITH",
    "vacuum": "it can't run inside a transaction: VACUUM by the warehouse's own schedule",
    "revoke": "groups that may read are listed in grants, and headgate provision takes rights away",
    "copy": "files are loaded by tables", "unload": "a publish writes nothing but its table",
    "set": "sessions are the same for every build", "call": "a procedure may do anything",
    "select": "checks stand under inputs and expectations",
}  # fmt: skip
ALLOWED = "ANALYZE schema.table, GRANT SELECT ON schema.table TO group, DELETE FROM schema.table WHERE ..."


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement on the target. `what`: the group of a grant, or the condition of a delete."""

    kind: Literal["analyze", "grant", "delete"]
    what: str = ""


def read_statement(text: str, target: str) -> Statement:
    """The statement; ValueError with what it is and what is allowed. A condition is only cut out here, not judged."""
    try:
        words = list(tokens(text.strip().rstrip(";")))
    except SqlTextError as error:
        raise ValueError(error.fault.message) from None
    verb = words[0].name if words else ""
    if verb in _INSTEAD:
        raise ValueError(f"{verb.upper()} isn't run in a publish: {_INSTEAD[verb]}")
    found = _analyze(words) or _grant(words) or _delete(text, words)
    if found is None:
        raise ValueError(f"'{' '.join(text.split())[:60]}' is none of the statements that a publish may hold")
    statement, named = found
    if named != target:
        raise ValueError(f"is about {named}; a publish changes nothing but its own table, {target}")
    return statement


def _analyze(words: list[Token]) -> tuple[Statement, str] | None:
    if [word.name for word in words[:1]] != ["analyze"] or len(words) != 4:
        return None
    return Statement("analyze"), _named(words[1:4])


def _grant(words: list[Token]) -> tuple[Statement, str] | None:
    names = [word.name for word in words]
    if names[:3] != ["grant", "select", "on"]:
        return None
    rest = words[4:] if names[3:4] == ["table"] else words[3:]
    tail = [word.name for word in rest[3:]]
    group = [name for name in tail[1:] if name != "group"]
    if tail[:1] != ["to"] or len(group) != 1 or len(tail) > 3 or not IDENTIFIER.fullmatch(group[0]):
        return None
    return Statement("grant", group[0]), _named(rest[:3])


def _delete(text: str, words: list[Token]) -> tuple[Statement, str] | None:
    names = [word.name for word in words]
    if names[:2] != ["delete", "from"] or names[5:6] != ["where"] or len(words) < 7:
        return None
    return Statement("delete", text.strip().rstrip(";")[words[6].start :]), _named(words[2:5])


def _named(words: list[Token]) -> str:
    return f"{words[0].name}.{words[2].name}" if len(words) == 3 and words[1].text == "." else "another table"
