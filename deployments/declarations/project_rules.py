"""What must hold between declarations: names that one file uses and another one declares. All mistakes are collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial as bound

from deployments.declarations.metric_rules import metric_faults
from deployments.declarations.metrics import Metric
from deployments.declarations.partial import known as asked
from deployments.declarations.problems import Fault, KeyPath, nearest, nearest_table
from deployments.declarations.provisioning import CLOSED, EVERYBODY, Provisioning
from deployments.declarations.summary import Summary, statements
from deployments.declarations.summary_statements import read_statement
from deployments.declarations.summary_window import stand_in
from deployments.declarations.table import Table

ANY_SCHEMA = "*."
"""Begins the name of a declaration that can't be read: the name of its file stands for it."""
_ALIKE = 0.85
"""From here on two names of schemas are told as one that was mistyped."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything that could be read, as far as it could; `names` has those of declarations that couldn't, too."""

    tables: Mapping[str, Table]
    summaries: Mapping[str, Summary]
    names: Collection[str]
    provisioning: Provisioning | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)


def project_faults(declared: Declared) -> Iterator[tuple[str, Fault]]:
    """Contradictions between declarations, each with the target whose file holds it."""
    for name, summary in declared.summaries.items():
        for rule in (
            bound(_twice, name, declared.tables),
            bound(_summary_names, summary, declared.names),
            bound(_reads, summary, declared.names),
            bound(metric_faults, summary, declared.metrics),
        ):
            yield from ((name, fault) for fault in asked([rule]))
    for name, table in declared.tables.items():
        yield from ((name, fault) for fault in asked([bound(_awaited, table, declared.names)]))
    targets: dict[str, Table | Summary] = {**declared.tables, **declared.summaries}
    for name, target in targets.items():
        yield from ((name, fault) for fault in asked([bound(_groups, target, declared.provisioning)]))
        key = "table" if name in declared.tables else "target"
        yield from ((name, fault) for fault in asked([bound(schema_faults, name, key, declared)]))
    for name in declared.summaries:
        yield from ((name, fault) for fault in asked([bound(_cycle, name, declared.summaries)]))


def provisioning_faults(provisioning: Provisioning, names: Collection[str]) -> Iterator[Fault]:
    """Schemas of `warehouse.yaml` that groups are given and nothing makes."""
    made = sorted({*provisioning.schemas, *(name.partition(".")[0] for name in names)})
    for group, item in provisioning.groups.items():
        for schema in item.schemas:
            if schema not in made:
                path = ("groups", group, "schemas", schema)
                yield Fault(path, f"no table is in the schema '{schema}'", ", ".join(made), nearest(schema, made))


def _twice(name: str, tables: Mapping[str, Table]) -> Iterator[Fault]:
    if name in tables:
        yield Fault(("target",), "is also declared as a table")


def _summary_names(summary: Summary, names: Collection[str]) -> Iterator[Fault]:
    for index, item in enumerate(summary.inputs):
        yield from asked([bound(_known, ("inputs", index, "table"), item.table, names, summary.target)])
    for index, trigger in enumerate(summary.after):
        yield from asked([bound(_known, ("after", index), trigger, names, summary.target)])


def _reads(summary: Summary, names: Collection[str]) -> Iterator[Fault]:
    """Tables that SQL of the summary reads and the summary doesn't name as its inputs: what it is built from has to be
    looked at, waited for and told of."""
    from deployments.declarations.select import read_select

    inputs = [item.table for item in summary.inputs]
    mistyped = [name for name in inputs if not is_declared(name, names)]
    for place, sql, own in statements(summary):
        select, _ = read_select(sql, makes_table=place == ("sql",))
        for read in select.reads if select is not None else ():
            if read.table in inputs or read.table == own or nearest(read.table, mistyped):
                continue
            start = read.start if place == ("sql",) else None
            if read.table == summary.target:
                yield Fault(place, f"reads {read.table}, which it makes", "what it is made from", start=start)
                continue
            known = is_declared(read.table, names)
            others = inputs if known else sorted(name for name in names if not name.startswith(ANY_SCHEMA))
            told = f"reads {read.table}, which isn't {'among its inputs' if known else 'declared'}"
            allowed = f"{', '.join(others)}" + (f"; or '- table: {read.table}' under inputs" if known else "")
            yield Fault(place, told, allowed, nearest_table(read.table, others), start)


def _known(place: KeyPath, used: str, names: Collection[str], itself: str) -> Iterator[Fault]:
    others = sorted(name for name in names if name != itself and not name.startswith(ANY_SCHEMA))
    if not is_declared(used, names):
        yield Fault(place, f"'{used}' isn't declared", ", ".join(others), nearest_table(used, others))


def is_declared(name: str, names: Collection[str]) -> bool:
    """Whether a target of that name is declared, or may be in a file that can't be read."""
    return name in names or ANY_SCHEMA + name.rpartition(".")[2] in names


def _awaited(table: Table, names: Collection[str]) -> Iterator[Fault]:
    wait = table.source.wait_for
    if wait is not None and wait.table is not None:
        full = {name for name in names if wait.table in (name, name.partition(".")[2])}
        if not full:
            yield from _known(("source", "wait_for", "table"), wait.table, names, table.table)


def _groups(target: Table | Summary, provisioning: Provisioning | None) -> Iterator[Fault]:
    """Grants to groups that `warehouse.yaml`, where it lists groups, doesn't have."""
    groups = provisioning.groups if provisioning is not None else {}
    listing = ", ".join(groups) + " (groups in warehouse.yaml)" if groups else "a group"
    for place, name in _granted(target):
        if name == EVERYBODY:
            yield Fault(place, f"'{name}' is everybody who may log in, and no group", listing)
        elif groups and name not in groups:
            yield Fault(place, f"'{name}' isn't a group", listing, nearest(name, groups))


def _granted(target: Table | Summary) -> Iterator[tuple[KeyPath, str]]:
    """The groups that a target is granted to, by its key or in the transaction of its publish."""
    yield from ((("grants", index), name) for index, name in enumerate(target.grants))
    if isinstance(target, Summary):
        for key, written in (("before_publish", target.before_publish), ("after_publish", target.after_publish)):
            for index, text in enumerate(written):
                # What can't be read is told by the summary's own rules.
                with suppress(ValueError):
                    statement = read_statement(stand_in(text), target.target)
                    if statement.kind == "grant":
                        yield (key, index), statement.what


def schema_faults(name: str, key: str, declared: Declared) -> Iterator[Fault]:
    """A schema of our own, or one that only this declaration names and that looks like another one's."""
    schema = name.partition(".")[0]
    if schema in CLOSED or schema.startswith("pg_") or schema == "information_schema":
        yield Fault(
            (key,), f"the schema '{schema}' isn't for tables of a project", "any other schema, such as raw_data"
        )
        return
    used = Counter(other.partition(".")[0] for other in declared.names if not other.startswith(ANY_SCHEMA))
    listed = set() if declared.provisioning is None else {
        *(declared.provisioning.schemas), *(s for group in declared.provisioning.groups.values() for s in group.schemas)
    }  # fmt: skip
    if used[schema] > 1 or schema in listed:
        return
    others = sorted({*used, *listed} - {schema, *CLOSED})
    meant = next((other for other in others if _mistyped(schema, other)), None)
    if meant is not None:
        allowed = ", ".join(others) + f"; or '{schema}' among the schemas of warehouse.yaml, if it is meant"
        yield Fault((key,), f"the schema '{schema}' stands nowhere else", allowed, meant)


def _mistyped(name: str, other: str) -> bool:
    digits = [character for character in name if character.isdigit()]
    alike = SequenceMatcher(None, name, other).ratio() >= _ALIKE
    return alike and digits == [character for character in other if character.isdigit()]


def _cycle(name: str, summaries: Mapping[str, Summary]) -> Iterator[Fault]:
    seen, todo = set[str](), [name]
    while todo:
        for item in summaries[todo.pop()].inputs:
            if item.table == name:
                yield Fault(("inputs",), "depends on itself, by way of other summaries", "inputs without a circle")
                return
            if item.table in summaries and item.table not in seen:
                seen.add(item.table)
                todo.append(item.table)
