"""What a reader can do about a thing, as a command and, where forms are deployed, as a link to the filled-in form."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from urllib.parse import quote

from deployments.declarations.modes import MODES
from deployments.next_commands import anew, is_typable, written
from expectations.report import words
from expectations.report.about import Described
from expectations.report.lines import LISTED
from expectations.report.model import Line, OpenItem
from expectations.report.texts import Texts

Name = Literal[
    "accept", "accept_all", "once", "mute", "explain", "rollback", "show_quarantine", "csv_quarantine", "replay", "discard",
    "override", "retry", "show", "reload", "load_accepted", "load_again", "set_aside", "lost", "load_anew",
]  # fmt: skip
ACCEPTED_DAYS = 90
ANEW: tuple[Name, ...] = ("set_aside", "lost", "load_anew")
"""How a table is loaded anew, step by step: the only way out where a batch can't be loaded again."""
GUARDS = ("TOLERANCE", "DRIFT", "SHRINK-GUARD", "OBJECT-REPEATED")
"""Codes of failures that are no rule's and may be overridden. Broken keys, accounting and schema changes may not."""


OVERRIDABLE = ("ingest", "summary", "override")
"""Kinds of runs that may be published although they failed."""
KEY = "KEY"
"""The code of a declared key, where it is checked as a rule."""


class Rule(Protocol):
    """A rule that failed."""

    @property
    def code(self) -> str: ...

    @property
    def severity(self) -> str: ...


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


def overridable(kind: str, failure: str | None, rules: Iterable[Rule]) -> tuple[str, ...]:
    """The codes a run failed on and that a person may publish it in spite of. `rules`: those that failed."""
    if kind not in OVERRIDABLE:
        return ()
    if failure in GUARDS:
        return (failure,)
    if failure != "CHECK-FAILED":
        return ()
    codes = tuple(dict.fromkeys(rule.code for rule in rules if rule.severity == "critical"))
    return () if kind == "summary" and KEY in codes else codes


def _codes(line: Line) -> tuple[str, ...]:
    """What is to be overridden; nothing where more failed than a line keeps."""
    known = len(line.failed_rules) < LISTED and line.failure is not None
    return overridable(line.kind, line.failure.code, line.failed_rules) if known and line.failure else ()


def actions(
    item: OpenItem, line: Line, described: Described, texts: Texts, links: Links, now: datetime
) -> list[Action]:
    """What can be done about an open item of this run as things stand, the likeliest first. What would be refused isn't
    offered: a batch that was published since, an undo of which nothing is kept, a table that isn't declared any more.
    """
    if not described.declared:
        return [_made("show", item, line, described, texts, links, now)]
    proposed = written(line.failure.next_command or "") if item.what == "failure" and line.failure else []
    # What the run proposes is told once: trying again reads the source anew where that is what failed.
    again = any(command == f"headgate retry {line.run_id}" for command, _ in proposed)
    wanted = [
        name
        for one in _wanted(item, line)
        for name in (_instead(line, described) if one == "rollback" and not line.can_undo else (one,))
        if not (name == "reload" and again)
    ]
    found = [_made(name, item, line, described, texts, links, now) for name in wanted]
    if item.what != "failure" or line.settled or line.failure is None:
        return found
    known = {action.command for action in found}
    for command, remark in proposed:
        if is_typable(command) and command not in known:
            does = f"{texts('actions.next.does')}{f' ({remark})' if remark else ''}"
            found.insert(0, Action("next", texts("actions.next.title"), does, command))
    return found


def _instead(line: Line, described: Described) -> tuple[Name, ...]:
    """What mends a batch of which nothing is kept to undo it, by the table's load mode; nothing where none of it stands."""
    if not line.published:
        return ()
    only_adds = described.mode in MODES and MODES[described.mode].only_adds
    return ANEW if only_adds else ("load_again",)


def _wanted(item: OpenItem, line: Line) -> tuple[Name, ...]:
    if item.what == "drift":
        return ("accept", "once", "mute", "rollback", "explain")
    if item.what == "quarantine" and line.status == "failed":
        # Rows go to quarantine with the publish of their batch.
        return ()
    if item.what == "quarantine":
        return ("show_quarantine", "csv_quarantine", "replay", "discard")
    if item.what == "rule":
        return ("show", "rollback")
    if line.settled:
        return ("show",)
    codes = _codes(line)
    if "DRIFT" in codes:
        return ("accept_all", "load_accepted", "override", "explain")
    if codes:
        return ("reload", "override", "show")
    checked = line.failure is not None and line.failure.code == "CHECK-FAILED"
    return ("reload", "show") if checked else ("show", "retry")


def _step(name: Name, table: str) -> str:
    """One of the steps by which a table is loaded anew, without the remark behind it."""
    steps = [step.partition("   (")[0] for step, _ in written(anew(*table.split(".", 1)))]
    return steps[ANEW.index(name)]


def _made(
    name: Name, item: OpenItem, line: Line, described: Described, texts: Texts, links: Links, now: datetime
) -> Action:  # fmt: skip
    until = f"{now + timedelta(days=ACCEPTED_DAYS):%Y-%m-%d}"
    kinds = tuple(dict.fromkeys((item.code, *item.also)))
    codes = _codes(line)
    parts = {"run": item.run_id, "table": described.table, "window": item.label, "code": item.code, "until": until,
             "column": item.column or "table"}  # fmt: skip
    # A table without windows has no --window to give.
    # What is about several windows names none: it is meant for all of them.
    windowed = described.window is not None and not (item.what == "quarantine" and item.batches > 1)
    template = f"actions.{name}.command"
    if not windowed and texts.known(f"{template}_source"):
        template += "_source"
    # Kinds and codes are names of ours, joined by options: they need no quotes.
    command = _step(name, described.table) if name in ANEW else texts(
        template, kinds=" --kind ".join(kinds), codes=" --override ".join(codes),
        **{key: shlex.quote(value) for key, value in parts.items()},
    )  # fmt: skip
    asked = {"run": item.run_id, "table": described.table, "window": item.label if windowed else ""}
    if name == "accept":
        asked |= {"column": parts["column"], "kind": ", ".join(kinds), "until": until}
    elif name in ("mute", "once"):
        asked |= {
            "answer": "not-interesting" if name == "mute" else "not-meant",
            "column": parts["column"],
            "kind": ", ".join(kinds),
        }
    elif name == "accept_all":
        asked["until"] = until
    elif name == "override":
        asked |= {"code": ", ".join(codes)}
    elif item.what == "quarantine":
        asked["code"] = item.code
    key: str = name
    if name == "rollback" and line.since is not None:
        # What an undo brings back was told for the same.
        key, parts = f"{name}.no_better", parts | {"since": words.moment(line.since)}
    form = links.form({"accept_all": "accept", "once": "mute"}.get(name, name), asked)
    return Action(name, texts(f"actions.{key}.title"), texts(f"actions.{key}.does", **parts), command, form)
