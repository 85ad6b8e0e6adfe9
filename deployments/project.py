"""A project: the folder with `tables/`, `suites/`, `summaries/`, `metrics.yaml`, `oncall.yaml` that people edit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from deployments.declarations.folder import read_folder
from deployments.declarations.metric_grains import metric_columns
from deployments.declarations.metrics import Consumer, Metric, consumers_of
from deployments.declarations.oncall import OnCall
from deployments.declarations.problems import Problem, fail_on, nearest_table
from deployments.declarations.provisioning import Provisioning
from deployments.declarations.suite import Suite
from deployments.declarations.summary import Summary
from deployments.declarations.table import Table
from deployments.errors import DeclarationError

SHOP = Path(__file__).parent / "shop"
Declared = TypeVar("Declared", Table, Summary)


def software() -> str:
    """The version of the installed headgate."""
    from importlib.metadata import version

    return version("headgate")


@dataclass(frozen=True)
class Project:
    """Everything declared in one folder, already checked."""

    folder: Path
    tables: Mapping[str, Table]
    suites: Mapping[str, Suite]
    summaries: Mapping[str, Summary]
    files: Mapping[str, Path]
    suite_files: Mapping[str, Path]
    oncall: OnCall | None = None
    provisioning: Provisioning | None = None
    variables: tuple[str, ...] = ()
    """Names of the environment that declarations read by `${NAME}`."""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    consumers: Mapping[str, Consumer] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """The table of that full or bare name; DeclarationError with the nearest name otherwise."""
        try:
            return _pick(self.tables, name, "table")
        except DeclarationError:
            summary = next((full for full in self.summaries if name in (full, full.partition(".")[2])), None)
            if summary is None:
                raise
            raise DeclarationError(
                f"{summary} is a summary, which the warehouse makes from tables: this command is for tables",
                code="UNKNOWN-TABLE", next_command=f"headgate lineage {summary}   (the tables it is made of)",
            ) from None  # fmt: skip

    def summary(self, name: str) -> Summary:
        """The summary of that full or bare name; DeclarationError with the nearest name otherwise."""
        return _pick(self.summaries, name, "summary")

    def full_name(self, name: str) -> str:
        """`schema.name` of a table or summary; DeclarationError when there is none."""
        return _named([*self.tables, *self.summaries], name, "table or summary")

    def readers(self, schema: str) -> tuple[str, ...]:
        """Groups that `warehouse.yaml` lets read whatever comes into a schema."""
        return () if self.provisioning is None else self.provisioning.readers(schema)

    def summaries_with(self, metric: str) -> dict[str, str]:
        """The summaries that have a metric, each with the name of its column."""
        found = {name: metric_columns(summary).get(metric) for name, summary in self.summaries.items()}
        return {name: column.name for name, column in found.items() if column is not None}

    def consumers_of(self, *tables: str) -> dict[str, Consumer]:
        """Dashboards, models and others that read one of these tables, by name."""
        return consumers_of(self.consumers, tables)

    def suite_hash(self, name: str) -> str:
        """A hash of a table's suite, recorded with each run."""
        return hashlib.sha256(self.suite(name).model_dump_json().encode()).hexdigest()[:16]

    def suite(self, name: str) -> Suite:
        """The suite of a table; an empty one (drift only) when none is declared."""
        return self.suites.get(name) or Suite(table=name)

    def dependents(self, name: str) -> list[str]:
        """Summaries that a publish of `name` makes stale, each after the ones it reads."""
        stale = {name}
        ordered: list[str] = []
        for summary in self.build_order():
            if stale.intersection(self.summaries[summary].triggers):
                stale.add(summary)
                ordered.append(summary)
        return ordered

    def base_tables(self, name: str) -> tuple[str, ...]:
        """The tables below a summary, through other summaries; nothing for a table."""
        found: dict[str, None] = {}
        for item in self.summaries[name].inputs if name in self.summaries else ():
            found.update(dict.fromkeys((item.table, *self.base_tables(item.table))))
        return tuple(table for table in found if table in self.tables)

    def build_order(self) -> list[str]:
        """All summaries, inputs first."""
        ordered: list[str] = []

        def visit(name: str) -> None:
            if name in ordered or name not in self.summaries:
                return
            for item in self.summaries[name].inputs:
                visit(item.table)
            ordered.append(name)

        for name in sorted(self.summaries):
            visit(name)
        return ordered


def is_project(folder: Path) -> bool:
    """Whether a folder holds declarations."""
    return (folder / "tables").is_dir() or (folder / "summaries").is_dir()


def load_project(folder: Path) -> Project:
    """Read and check a project; raises one DeclarationError with every mistake of every file."""
    project, problems = read_project(folder)
    fail_on(problems)
    return project


def read_project(folder: Path) -> tuple[Project, list[Problem]]:
    """The project as far as it can be read, and all its mistakes."""
    if not is_project(folder):
        raise _no_project(folder)
    found = read_folder(folder)
    project = Project(
        folder=folder,
        tables=MappingProxyType(found.tables),
        suites=MappingProxyType(found.suites),
        summaries=MappingProxyType(found.summaries),
        files=MappingProxyType(found.files),
        suite_files=MappingProxyType(found.suite_files),
        oncall=found.oncall,
        provisioning=found.provisioning,
        variables=tuple(sorted(found.variables)),
        metrics=MappingProxyType(found.metrics),
        consumers=MappingProxyType(found.consumers),
    )
    return project, found.problems


def _no_project(folder: Path) -> DeclarationError:
    above = next((item for item in folder.parents if is_project(item)), None)
    ways = "headgate init DIR   (a project of your own), or: headgate --project DIR ..., headgate --project shop plan"
    return DeclarationError(
        f"{folder} isn't a headgate project: "
        + ("it has neither tables/ nor summaries/" if folder.is_dir() else "there is no such folder"),
        code="NO-PROJECT",
        next_command=ways if above is None else f"cd {above}",
    )


def _pick(mapping: Mapping[str, Declared], name: str, what: str) -> Declared:
    return mapping[_named(list(mapping), name, what)]


def _named(known: Sequence[str], name: str, what: str) -> str:
    """The one full name that is meant; a name that two schemas have must be written with its schema."""
    if name in known:
        return name
    found = [full for full in known if name == full.partition(".")[2]]
    if len(found) > 1:
        raise DeclarationError(
            f"'{name}' is declared {len(found)} times: {', '.join(sorted(found))}", code="UNKNOWN-TABLE",
            next_command=f"the same command with {found[0]} or {found[1]}",
        )  # fmt: skip
    if not found:
        raise _unknown(what, name, known)
    return found[0]


def _unknown(what: str, name: str, known: Sequence[str]) -> DeclarationError:
    bare = [] if "." in name else [full.partition(".")[2] for full in known]
    hint = nearest_table(name, [*known, *bare])
    meant = f"; did you mean '{hint}'?" if hint else ""
    return DeclarationError(
        f"no {what} '{name}' is declared{meant}\n  declared: {', '.join(sorted(known)) or 'none'}",
        code="UNKNOWN-TABLE",
        next_command="headgate plan",
    )
