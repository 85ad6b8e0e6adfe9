"""What is published of a summary and of its inputs, and which of its windows are built from what stands of them now.

A window is built once each input has all windows that overlap it, and again when one of them is loaded again, takes rows back
from quarantine, or is rolled back and loaded anew. An input without windows is read as it is: it makes no window stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployments.declarations.summary import Summary
from deployments.project import Project
from deployments.windows import Grid, Window
from tasks.batch import SOURCE_KEY
from tasks.warehouses import names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Stands:
    """Proofs of a summary and of its inputs, read at one moment. `there`: whether its live table is."""

    own: Sequence[Proof]
    there: bool
    inputs: Mapping[str, Sequence[Proof]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a build of one batch would be made of: its fingerprint, and what is missing of its inputs."""

    fingerprint: str
    missing: tuple[str, ...] = ()


def read_stands(bench: Workbench, summary: Summary) -> Stands:
    """Whatever isn't there has no proofs."""
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:

        def known(name: str) -> list[Proof]:
            table = TableName.parse(name)
            return proofs.read(cursor, table) if adapter.exists(cursor, names.proof(table)) else []

        inputs = {item.table: known(item.table) for item in summary.inputs}
        return Stands(known(summary.target), adapter.exists(cursor, TableName.parse(summary.target)), inputs)


def wanted(project: Project, summary: Summary, stands: Stands, window: Window | None) -> Wanted:
    """What a build of the summary, or of one of its windows, is made of."""
    marks, missing = [summary.fingerprint], list[str]()
    for name, known in stands.inputs.items():
        grid = _grid(project, name)
        if window is None:
            marks.append(f"{name}@{max((proof.sequence for proof in known), default=0)}")
        elif grid is not None:
            there = {proof.batch_key: proof.sequence for proof in known}
            standing = proofs.standing(known)
            for part in grid.overlapping(window):
                marks.append(f"{name} {part.key}@{there.get(part.key, 0)}")
                if part.key not in standing:
                    missing.append(f"{name} {grid.label(part)}")
    return Wanted(f"inputs:{hashlib.sha256('|'.join(marks).encode()).hexdigest()[:32]}", tuple(missing))


def batch_key(window: Window | None) -> str:
    """The name of what a build covers, in proofs."""
    return SOURCE_KEY if window is None else window.key


def _grid(project: Project, name: str) -> Grid | None:
    return project.tables[name].grid if name in project.tables else project.summaries[name].grid
