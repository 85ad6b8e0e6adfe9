"""Do something to a target in one transaction, exactly once, whatever happens to the connection on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection

from deployments.errors import HeadgateError, RetryableError
from tasks import pauses
from tasks.progress import report_wait
from tasks.warehouses import names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import LOST, SLOW, UNREACHABLE, explain, is_lost, session

ATTEMPTS = 8
PAUSE_SECONDS = 1.5
Result = TypeVar("Result")


def committed(
    adapter: Adapter,
    live: TableName,
    doing: str,
    once: Callable[[Connection], Result],
    done: Callable[[list[Proof]], Result | None],
    pause_seconds: float = PAUSE_SECONDS,
) -> Result:
    """Call `once`, which commits together with its proof; conflicts and locks are tried again a few times.

    When the connection is lost, the COMMIT may have happened: the target's proofs, read under its lock, tell. `done`
    returns the result when they hold it, None when nothing was committed.
    """
    failure: HeadgateError | None = None
    in_doubt = False
    for attempt in range(ATTEMPTS):
        if attempt:
            if failure is not None and attempt == 1 and failure.code in SLOW:
                report_wait(
                    f"{doing} {live}",
                    f"[{failure.code}] {failure.message}",
                    f"tried {ATTEMPTS - 1} times more, then it fails",
                )
            pauses.pause(pause_seconds * min(attempt, 4))
        try:
            with session(adapter.address) as connection:
                return once(connection)
        except psycopg2.Error as error:
            failure = explain(error, f"{doing} {live}")
            if is_lost(error):
                in_doubt = True
                found = _settled(adapter, live, done)
                if found is not None:
                    return found
            if not isinstance(failure, RetryableError):
                raise failure from None
        except RetryableError as error:
            # A server that restarts lets nobody in for a while; every other trouble of the kind is the caller's.
            if error.code != UNREACHABLE:
                raise
            failure = error
    assert failure is not None
    if in_doubt and failure.code in (UNREACHABLE, LOST):
        raise RetryableError(
            f"{doing} {live}: the connection was lost, and the warehouse can't be asked whether this was committed "
            f"({failure.message}). Running it again finds out; nothing can be done twice.",
            code="IN-DOUBT", next_command=failure.next_command,
        ) from failure  # fmt: skip
    raise failure


def _settled(adapter: Adapter, live: TableName, done: Callable[[list[Proof]], Result | None]) -> Result | None:
    """After a connection was lost: whether the COMMIT happened. The lock waits for a server-side end of it."""
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            adapter.lock(cursor, names.proof(live))
            return done(proofs.read(cursor, live))
    except (psycopg2.Error, RetryableError):
        return None
