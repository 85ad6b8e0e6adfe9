"""A small clock-driven world: troubles by name, and looks at them minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.incidents.machine import Action, advance
from tasks.incidents.model import Incident, Trouble
from tasks.incidents.paces import Policy

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
EVERYTHING = frozenset({"run", "late", "prefect", "warehouse"})


def minutes(n: float) -> datetime:
    return START + timedelta(minutes=n)


def trouble(table: str = "raw.nps", code: str = "CHECK-FAILED", at: float = 0, **changes: Any) -> Trouble:
    """A failed run of one table."""
    base = Trouble(
        scope=table, code=code, domain="run", family="upstream", severity="critical", message=f"{table} broke",
        since=minutes(at), latest=minutes(at), tables=(table,), run_id="nps-1", label="2026-11-22",
    )  # fmt: skip
    return base.model_copy(update=changes)


@dataclass
class Life:
    """Incidents as the watch keeps them, moved by `look`; `told` collects (minute, kind, scopes)."""

    policy: Policy = field(default_factory=Policy)
    incidents: list[Incident] = field(default_factory=list)
    told: list[tuple[float, str, tuple[str, ...]]] = field(default_factory=list)

    def look(self, at: float, *troubles: Trouble, observed: frozenset[Any] = EVERYTHING) -> list[Action]:
        self.incidents, actions = advance(self.incidents, troubles, minutes(at), observed, self.policy)
        people = [action for action in actions if action.kind not in ("folded", "ended")]
        self.told += [(at, a.kind, tuple(i.trouble.scope for i in a.incidents)) for a in people]
        return actions

    def run(self, until: float, present: Callable[[int], Sequence[Trouble]], every: int = 1) -> None:
        for minute in range(0, int(until) + 1, every):
            self.look(minute, *present(minute))

    @property
    def kinds(self) -> list[tuple[float, str]]:
        return [(at, kind) for at, kind, _ in self.told]

    def answer(self, change: Callable[..., tuple[Incident, Action]], *arguments: Any) -> None:
        moved, _ = change(self.incidents[-1], *arguments)
        self.incidents[-1] = moved


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture(name="trouble")
def _trouble() -> Callable[..., Trouble]:
    return trouble


@pytest.fixture(name="minutes")
def _minutes() -> Callable[[float], datetime]:
    return minutes
