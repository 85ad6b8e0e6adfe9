"""The proofs held against the live table: whether somebody has dropped, renamed or changed it behind our back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.modes import ModeFacts
from deployments.errors import CheckFailedError, DeclarationError
from deployments.quantities import plural
from deployments.windows import Window
from tasks.warehouses import proofs
from tasks.warehouses.changes import find_changes
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import count_rows
from tasks.warehouses.shapes import LiveColumn, Shape

MAX_COUNTED = 2_000_000
"""Rows of a table that are counted before 'nothing to do' is said; of a larger one only that it has any."""


def missing(adapter: Adapter, cursor: Cursor, live: TableName, known: Sequence[Proof]) -> DeclarationError | None:
    """The error of a live table that must be there by its proofs and isn't; None when all is well."""
    stands = [item for item in proofs.standing(known).values() if item.counts.published]
    if not stands or adapter.exists(cursor, live):
        return None
    rows = sum(item.counts.published for item in stands)
    return DeclarationError(
        f"{live} is gone: somebody has dropped or renamed the table, which holds {plural(rows, 'row')} by its proofs. "
        "Nothing was changed.",
        code="LIVE-MISSING",
        next_command=f"rename it back; or, when it is lost: headgate repair {live} --lost   (then run loads it again)",
        publishes=len(stands),
        rows=rows,
    )


def doubled(
    live: TableName, batch_keys: Iterable[str], standing: Mapping[str, Proof | None]
) -> DeclarationError | None:
    """The error of batches of mode append whose rows stand already, published under other windows or as a whole; None when
    there are none. `standing`: by batch key what stands, with its proof where it isn't of a window.

    What was read as a whole can't hold the rows of a window that began when it had been published.
    """
    new, known = set(batch_keys), set(standing)
    if not proofs.share_rows(new | known):
        return None
    whole = [item.published_at for key, item in standing.items() if item is not None and proofs.is_whole(key)]
    for key in sorted(new - known):
        there = proofs.overlapping(key, known)
        if whole and "/" in key and Window.from_key(key).start >= max(whole):
            there = [other for other in there if not proofs.is_whole(other)]
        if not there:
            continue
        if any(map(proofs.is_whole, there)):
            which = "its source was loaded as a whole"
            behind = f"at {max(whole):%Y-%m-%dT%H:%M:%SZ}, when that was published, or later" if whole else "behind it"
        else:
            last = f" to {_start(there[-1])}" if len(there) > 1 else ""
            which, behind = f"batches from {_start(there[0])}{last} stand", "behind what is loaded"
        return DeclarationError(
            f"{live}: the rows of the window from {_start(key)} may be there already, since {which}, and mode append "
            f"would double them; declare a window.start {behind}, or let the table be loaded anew from its "
            "source. Nothing was changed",
            code="APPEND-AGAIN",
            next_command=anew(live),
            batches=there[:20],
        )
    return None


def _start(batch_key: str) -> str:
    """The beginning of a window, for people."""
    return batch_key.partition("/")[0].replace(":00Z", "Z")


def prove_columns(
    live: TableName, shape: Shape, columns: Sequence[LiveColumn], judged: Sequence[tuple[str, str]]
) -> None:
    """Raise CheckFailedError when a live table that is replaced as a whole has columns that were not there when the batch was
    judged (`judged`: the changes found then): they would be lost."""
    seen = set(judged)
    new = [item for item in find_changes(shape, columns)
           if item.kind != "new_column" and (item.kind, item.column) not in seen]  # fmt: skip
    if new:
        raise CheckFailedError(
            f"{live} was changed by somebody else while the batch was loaded, and that would be lost; nothing was published",
            listing=new,
            code="LIVE-CHANGED",
            next_command="headgate retry RUN   (it is judged by load.on_schema_change then)",
            columns=[item.column for item in new],
        )


def changed(
    adapter: Adapter, cursor: Cursor, live: TableName, known: Sequence[Proof], mode: ModeFacts, quiet: int = 0
) -> str | None:  # fmt: skip
    """What a count tells of a table that others have changed; None when it has the rows its proofs say. `quiet`: rows of batches
    that `known` leaves out."""
    expected = proofs.rows_expected(known, mode)
    if expected is None or not known or not adapter.exists(cursor, live):
        return None
    expected += quiet
    if expected > MAX_COUNTED:
        cursor.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(qualified(live)))
        return (
            None
            if cursor.fetchone()
            else f"{live} is empty, its publishes left {plural(expected, 'row')}: somebody emptied it"
        )
    found = count_rows(cursor, live)
    if found == expected:
        return None
    return f"{live} has {plural(found, 'row')}, its publishes left {expected:,}: somebody else has changed it"
