"""The warehouse's clock, which all machines share: ages and the order of decisions are told by it, never by a worker's own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.moments import aware
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import Address, one, retried

_ASK_AGAIN_SECONDS = 600.0
_offsets: dict[Address, tuple[timedelta, float]] = {}
"""By how much the warehouse is ahead of this machine, and when that was asked."""


def read(adapter: Adapter, cursor: Cursor) -> datetime:
    """What the warehouse's clock says to the caller's transaction."""
    moment: datetime = one(cursor, adapter.clock)[0]
    return aware(moment)


def now(adapter: Adapter) -> datetime:
    """The present by the warehouse's clock; it is asked every ten minutes."""
    known = _offsets.get(adapter.address)
    if known is None or time.monotonic() - known[1] > _ASK_AGAIN_SECONDS:
        theirs = retried(adapter.address, "asking for the time", lambda cursor: read(adapter, cursor))
        known = (theirs - datetime.now(UTC), time.monotonic())
        _offsets[adapter.address] = known
    return datetime.now(UTC) + known[0]
