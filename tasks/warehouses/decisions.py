"""What people decided about a target: who, why, until when. Kept in `ops.decision`, only ever added to.

A later decision of the same sort wins over an earlier one; nothing is changed or deleted, so that it can be audited, and what
somebody changes by hand is found (`decision_chain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NewType

from psycopg2.extensions import cursor as Cursor

from deployments.foreign_text import printable
from tasks.warehouses import clock, decision_chain, names
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import one, rows, session, transaction

Kind = Literal[
    "rollback", "override", "accept-drift", "reject-drift", "mute-drift", "unmute-drift", "pause", "resume", "discard",
    "replay", "erase", "acknowledge", "silence", "resolve",
]  # fmt: skip
EVERY_TARGET = "*"
Decider = NewType("Decider", str)
"""Who decides, as it is recorded. Made where it is looked up whether they may (`tasks.deciding`)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `what` is a code, a kind of drift or a label; `expires_at` None: it holds until another one."""

    decided_at: datetime
    target: str
    kind: Kind
    what: str
    by: Decider
    reason: str
    column: str | None = None
    expires_at: datetime | None = None
    run_id: str | None = None

    def holds(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


def add(adapter: Adapter, cursor: Cursor, decision: Decision) -> None:
    """Write a decision inside the caller's transaction, which makes others that decide wait until it ends."""
    adapter.lock(cursor, TableName(names.OPS, "decision"))
    decision_chain.append(cursor, (
        naive(decision.decided_at), decision.target, decision.kind, decision.column, _clip(decision.what, 64),
        _clip(decision.by, 256), _clip(decision.reason, 4000), naive(decision.expires_at), decision.run_id,
    ))  # fmt: skip


def decide(adapter: Adapter, decision: Decision) -> None:
    """Write a decision in a transaction of its own, as the last word: after every other one, whatever a machine's clock said
    when that was written."""
    with transaction(adapter.address) as cursor:
        adapter.lock(cursor, TableName(names.OPS, "decision"))
        (newest,) = one(cursor, "SELECT max(decided_at) FROM ops.decision")
        now = clock.read(adapter, cursor)
        after = now if newest is None else aware(newest) + timedelta(microseconds=1)
        add(adapter, cursor, replace(decision, decided_at=max(now, after)))


def read(adapter: Adapter, targets: Sequence[str], kinds: Sequence[Kind]) -> list[Decision]:
    """Decisions about any of these targets, oldest first; none where the warehouse has no ops tables yet."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "decision")):
            return []
        found = rows(
            cursor,
            f"SELECT {', '.join(decision_chain.CONTENT)} FROM ops.decision WHERE target IN %s AND kind IN %s ORDER BY decided_at",
            (tuple(targets), tuple(kinds)),
        )
    return [
        Decision(
            decided_at=aware(at), target=target, kind=kind, column=column, what=what, by=Decider(by), reason=reason,
            expires_at=None if expires is None else aware(expires), run_id=run_id,
        )
        for at, target, kind, column, what, by, reason, expires, run_id in found
    ]  # fmt: skip


def paused(adapter: Adapter, targets: Sequence[str], now: datetime) -> dict[str, Decision]:
    """Which of these targets are paused, and by what: by their own last pause, or by the last one of all targets, each of
    which holds until it ends or somebody resumes the target or all of them. The longer one is told."""
    known = read(adapter, [*targets, EVERY_TARGET], ["pause", "resume"])
    found: dict[str, Decision] = {}
    for target in targets:
        holding: dict[str, Decision] = {}
        for item in known:
            if item.target not in (target, EVERY_TARGET):
                continue
            if item.kind == "resume":
                holding.clear()
            else:
                holding[item.target] = item
        left = [item for item in holding.values() if item.holds(now)]
        if left:
            found[target] = max(left, key=lambda item: item.expires_at or datetime.max.replace(tzinfo=UTC))
    return found


def every_pause(adapter: Adapter, now: datetime) -> dict[str, Decision]:
    """What is paused by whatever name: also what is declared no more, and all targets at once."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "decision")):
            return {}
        targets = [
            str(name) for (name,) in rows(cursor, "SELECT DISTINCT target FROM ops.decision WHERE kind = 'pause'")
        ]
    return paused(adapter, targets, now) if targets else {}


def _clip(text: str, limit_bytes: int) -> str:
    """A varchar counts bytes on Redshift. What can't be written as UTF-8 is escaped, so that what is sealed is what is kept."""
    return printable(text).encode()[:limit_bytes].decode(errors="ignore")
