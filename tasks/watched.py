"""What the detector and owners' answers need to know of a table or a summary, and of what is judged of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from deployments.declarations.columns import Column
from deployments.declarations.summary import Summary
from deployments.project import Project
from deployments.windows import Grid, Window


class Watched(Protocol):
    """A declared table, or a summary that stands for one. `table`: its full name."""

    @property
    def table(self) -> str: ...

    @property
    def grid(self) -> Grid | None: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def pii(self) -> Mapping[str, str]: ...


class Judged(Protocol):
    """A batch of a table, or a build of a summary."""

    @property
    def window(self) -> Window | None: ...

    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class WatchedSummary:
    """A summary as `Watched`."""

    table: str
    grid: Grid | None
    columns: tuple[Column, ...]
    pii: Mapping[str, str]

    @classmethod
    def of(cls, summary: Summary, made: tuple[Column, ...] = ()) -> WatchedSummary:
        """`made`: the columns of a build, of a summary without a contract; without them, the names that its SELECT gives."""
        columns = summary.contract or made
        if not columns:
            from deployments.declarations.select import read_select

            select, _ = read_select(summary.text)
            columns = tuple(Column.model_construct(name=name, type="") for name in (select.columns if select else ()))
        return cls(summary.target, summary.grid, columns, summary.pii)


def watched(project: Project, name: str) -> Watched:
    """The table or summary of that full or bare name; DeclarationError when there is none."""
    full = project.full_name(name)
    return project.tables[full] if full in project.tables else WatchedSummary.of(project.summaries[full])
