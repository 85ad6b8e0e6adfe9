"""What would be left without one of the safeguards: taken out in the process under trial, to see that trials notice.

A harness that can't fail proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _proof() -> None:
    """Publish without looking whether the batch is published already."""
    from tasks.warehouses import publication

    publication._already = lambda known, plan: None


def _lock() -> None:
    """Read the proof without locking it."""
    from tasks.warehouses.postgres import PostgresAdapter
    from tasks.warehouses.redshift import RedshiftAdapter

    for adapter in (PostgresAdapter, RedshiftAdapter):
        adapter.lock = lambda self, cursor, table: None  # type: ignore[method-assign]


def _transaction() -> None:
    """Commit the data first and the proof after it."""
    from tasks.warehouses import proofs

    write = proofs.write

    def apart(cursor: Any, live: Any, item: Any) -> None:
        cursor.connection.commit()
        write(cursor, live, item)

    proofs.write = apart


def _quarantine() -> None:
    """Add the rows set aside without taking away those of the load before."""
    from tasks import publish

    writer = vars(publish)["quarantine_writer"]

    def forgetful(*arguments: Any) -> Callable[[Any], None]:
        write = writer(*arguments)
        return lambda cursor: write(_NeverDeletes(cursor))

    vars(publish)["quarantine_writer"] = forgetful


class _NeverDeletes:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, statement: Any, values: Any = None) -> None:
        text = statement if isinstance(statement, str) else statement.as_string(self._cursor)
        if not text.startswith("DELETE"):
            self._cursor.execute(statement, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


KINDS: dict[str, Callable[[], None]] = {
    "proof": _proof,
    "lock": _lock,
    "transaction": _transaction,
    "quarantine": _quarantine,
}

WORDS = {
    "proof": "the proof not looked at",
    "lock": "the proof table not locked",
    "transaction": "data and proof in two transactions",
    "quarantine": "earlier quarantined rows left standing",
}
