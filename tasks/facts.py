"""Facts for the watch: what happened to a run outside of its own story (it crashed, was canceled, is late).

One JSON file per fact below the state folder. Hooks write them while nothing else may work; the same fact told twice is
the same file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from deployments.errors import Family

Kind = Literal["failed", "crashed", "canceled", "late", "orphaned"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a flow run. `subject`: the table or summary, '' when it isn't known. `at`: ISO, UTC.

    `code`, `family` and `next_command`: of the error, where the run failed with one of ours.
    """

    kind: Kind
    subject: str
    flow: str
    flow_run_id: str
    flow_run_name: str
    message: str
    at: str
    code: str = ""
    family: Family | None = None
    next_command: str | None = None

    @property
    def name(self) -> str:
        return f"{self.flow_run_id}-{self.kind}.json"


def keep(state: Path, fact: Fact) -> bool:
    """Write a fact below the state folder; False when it was known: the first telling stays."""
    folder = state / "facts"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / fact.name
    if file.exists():
        return False
    fresh = folder / f".{fact.name}.{os.getpid()}"
    fresh.write_text(json.dumps(asdict(fact), ensure_ascii=False, indent=1), encoding="utf-8")
    fresh.replace(file)
    return True


def known(state: Path) -> Iterator[Fact]:
    """Every fact that is kept, oldest first."""
    found = []
    for file in (state / "facts").glob("*.json"):
        found.append(Fact(**json.loads(file.read_text(encoding="utf-8"))))
    yield from sorted(found, key=lambda fact: fact.at)
