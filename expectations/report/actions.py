"""What a reader can do about a thing, as a command and, where forms are deployed, as a link to the filled-in form."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from expectations.report.model import OpenItem
from expectations.report.texts import Texts

Name = Literal[
    "accept", "explain", "rollback", "show_quarantine", "replay", "discard", "override", "retry", "show", "reload"
]
ACCEPTED_DAYS = 90


@dataclass(frozen=True, slots=True)
class Form:
    """The address of a form and the parameters it knows."""

    address: str
    parameters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Links:
    """Where forms and runs live in Prefect's user interface; empty where there is none.

    `forms` maps the name of an action to its form, which is opened filled in.
    """

    forms: Mapping[str, Form] = field(default_factory=dict)
    flow_run: str | None = None

    def form(self, name: str, parameters: Mapping[str, str]) -> str | None:
        found = self.forms.get(name)
        if found is None:
            return None
        address = found.address
        parameters = {key: value for key, value in parameters.items() if key in found.parameters and value}
        # Prefect's page decodes the value twice: as part of the address, then as a component of its own.
        value = quote(quote(json.dumps(parameters), safe=""), safe="")
        return f"{address}{'&' if '?' in address else '?'}parameters={value}"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: a short title, what it does, the command and perhaps a form."""

    name: str
    title: str
    does: str
    command: str
    form: str | None = None


def actions(
    item: OpenItem, table: str, texts: Texts, links: Links, now: datetime, next_command: str | None = None
) -> list[Action]:
    """What can be done about an open item, the likeliest first."""
    until = f"{now + timedelta(days=ACCEPTED_DAYS):%Y-%m-%d}"
    kinds = " --kind ".join(dict.fromkeys((item.code, *item.also)))
    parts = {"run": item.run_id, "table": table, "window": item.label, "code": item.code, "until": until,
             "column": item.column or "", "kinds": kinds, "asked_kinds": kinds.replace(" --kind ", ", "),
             "codes": " --override ".join(item.also or (item.code,))}  # fmt: skip
    names: dict[str, tuple[Name, ...]] = {
        "drift": ("accept", "rollback", "explain"),
        "quarantine": ("show_quarantine", "replay", "discard"),
        "rule": ("show", "rollback"),
        "failure": ("show", "retry"),
    }
    wanted = names[item.what]
    if item.what == "failure" and item.code in ("CHECK-FAILED", "DRIFT", "TOLERANCE"):
        wanted = ("reload", "override", "show") if item.code != "DRIFT" else ("accept", "override", "explain")
    found = [_made(name, parts, texts, links) for name in wanted]
    known = {action.command for action in found}
    if next_command and next_command.startswith("headgate ") and next_command not in known:
        found.insert(0, Action("next", texts("actions.next.title"), texts("actions.next.does"), next_command))
    return found


def _made(name: Name, parts: Mapping[str, str], texts: Texts, links: Links) -> Action:
    template = "actions.accept.command_table" if name == "accept" and not parts["column"] else f"actions.{name}.command"
    # A table without windows has no --window to give.
    if parts["window"] == "source" and texts.known(f"{template}_source"):
        template += "_source"
    # Kinds and codes are names of ours, joined by options: they need no quotes.
    command = texts(
        template, **{key: value if key in ("kinds", "codes") else shlex.quote(value) for key, value in parts.items()}
    )
    asked = {"run": parts["run"], "table": parts["table"], "window": parts["window"]}
    if name == "accept":
        asked |= {"column": parts["column"] or "table", "kind": parts["asked_kinds"], "until": parts["until"]}
    if name == "override":
        asked |= {"code": parts["code"]}
    return Action(
        name, texts(f"actions.{name}.title"), texts(f"actions.{name}.does", **parts), command, links.form(name, asked)
    )
