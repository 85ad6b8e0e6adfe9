"""A read from a replica that loses nothing: it begins when the replica has all that its primary had.

What a replica says of its own delay proves nothing: cut off from its primary, it doesn't know what it lacks. So the primary is
asked for its position first, and the replica read once it has reached that one. A server that was never there is none of
its replicas.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from deployments.declarations.connections import NAME
from deployments.errors import DeclarationError, SourceUnreachableError
from tasks import pauses
from tasks.progress import report_wait

BEHIND, NO_REPLICA = "REPLICA-BEHIND", "NOT-A-REPLICA"
_POLL_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
_TOLD_AFTER_SECONDS = 0.5
"""A replica is behind by less than that all the time."""
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Standing(Generic[P]):
    """How far a replica was when it was asked. `lacks`: what it hasn't of what was wanted, for people; '' when it has all.
    `notes`: what it says of why."""

    position: P
    lacks: str
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        return "; ".join((self.lacks, *self.notes))


class Following(Protocol[P]):
    """The replication of a kind of database, between two servers. Raises `not_a_replica` and the kind's errors."""

    @property
    def primary(self) -> str:
        """The connection that leads to the primary."""

    @property
    def replica(self) -> str:
        """The connection that leads to the replica."""

    def wanted(self) -> P:
        """What the primary has now."""

    def standing(self, wanted: P) -> Standing[P]:
        """How far the replica is now, asked in the session that will read."""

    def exceeds(self, reached: P, has: P) -> str:
        """What the replica has that its primary hasn't, for people; '' as it should be."""


def catch_up(following: Following[P], limit: str, seconds: float) -> P:
    """Wait until the replica has all that the primary has now, and say so; returns how far it is then.

    `limit` is `seconds` as it was declared. SourceUnreachableError REPLICA-BEHIND after that; DeclarationError NOT-A-REPLICA.
    Nothing is written anywhere: a process that is killed meanwhile leaves two sessions that end with it.
    """
    wanted = following.wanted()
    began, looks, is_told = time.monotonic(), 0, False
    end = began + seconds
    while (found := following.standing(wanted)).lacks:
        now = time.monotonic()
        if now >= end:
            raise SourceUnreachableError(
                f"'{following.replica}' hasn't got in {limit} what '{following.primary}' had when the read began: {found.said}",
                code=BEHIND,
                next_command=f"headgate retry RUN   (when it has caught up; or catch_up or otherwise: primary in {NAME})",
                connection=following.replica,
            )
        if not is_told and now - began >= _TOLD_AFTER_SECONDS:
            is_told = True
            until = f"it goes on when it has what '{following.primary}' had, for {limit} at most"
            report_wait("the read", f"the replica '{following.replica}' is behind: {found.said}", until)
        pauses.pause(min(_POLL_SECONDS[min(looks, len(_POLL_SECONDS) - 1)], max(end - time.monotonic(), 0)))
        looks += 1
    # A server with a history of its own may be further on by the numbers. A replica never is.
    surplus = following.exceeds(found.position, following.wanted())
    if surplus:
        raise not_a_replica(following.replica, following.primary, surplus)
    return found.position


def not_a_replica(replica: str, primary: str, why: str) -> DeclarationError:
    return DeclarationError(
        f"'{replica}' isn't a replica of '{primary}' that may be read: {why}",
        code=NO_REPLICA,
        next_command=f"mend HEADGATE_CONNECTION_{replica.upper()} or HEADGATE_CONNECTION_{primary.upper()}, or leave `replica` "
        f"out of {NAME}; headgate check --connect",
        connection=replica,
    )


def another_server(replica: str) -> SourceUnreachableError:
    """The session that reads isn't with the server that was asked: several stand behind the address."""
    return SourceUnreachableError(
        f"'{replica}' is several servers, and another one answered than was asked how far it is",
        code=BEHIND,
        next_command=f"the address of one server in HEADGATE_CONNECTION_{replica.upper()}; headgate retry RUN",
        connection=replica,
    )
