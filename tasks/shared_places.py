"""Whether another project or warehouse writes to the same report or stage: each place holds a mark of whose it is.

In a stage that two warehouses share, one's `clean` takes the other's parts for leftovers; in a report they overwrite each
other's pages. It is told, not refused: a warehouse that moved has another address and is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from deployments.addresses import PORTS
from deployments.errors import HeadgateError
from deployments.settings import Settings
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import open_store
from tasks.workbench import Workbench

MARK = "headgate-owner.json"


@dataclass(frozen=True, slots=True)
class _Mark:
    warehouse: str
    targets: tuple[str, ...]


def shared_places(bench: Workbench) -> list[str]:
    """A sentence for each place that somebody else writes to, too. Marks a place that has no mark; safe to repeat."""
    return [text for what, store in _places(bench) for text in _shared(bench, what, store)]


def warehouse_id(settings: Settings) -> str:
    """What tells one warehouse from another: of its address, without login; of the local stack its folder."""
    if settings.local_stack or settings.warehouse_url is None:
        return _short(f"local {settings.state}")
    found = urlsplit(settings.warehouse_url)
    host, port = (found.hostname or "").lower(), found.port or PORTS.get(found.scheme, 0)
    return _short(f"{host}:{port}{found.path}")


def _places(bench: Workbench) -> Iterator[tuple[str, ObjectStore]]:
    if bench.settings.stage_url is not None:
        yield "stage", bench.stage
    if bench.settings.report_url is not None:
        yield "report", open_store(bench.report_url, "HEADGATE_REPORT_URL")


def _shared(bench: Workbench, what: str, store: ObjectStore) -> Iterator[str]:
    mine = _Mark(warehouse_id(bench.settings), tuple(sorted([*bench.project.tables, *bench.project.summaries])))
    try:
        known = _read(store)
        if known is None or (known.warehouse == mine.warehouse and set(known.targets) & set(mine.targets)):
            if known != mine:
                store.put(MARK, json.dumps(asdict(mine)).encode(), "application/json")
            return
    except (HeadgateError, OSError) as error:
        # A stage that can't be used is told by the load itself, which goes on without pages.
        if what == "report":
            why = error.message.splitlines()[0] if isinstance(error, HeadgateError) else error.strerror
            yield f"the report at {store.base} can't be used ({why}): loads go on without pages (HEADGATE_REPORT_URL)"
        return
    way = f"give each its own (HEADGATE_{what.upper()}_URL), or delete {store.url(MARK)} when it is yours alone"
    if known.warehouse != mine.warehouse:
        yield f"the {what} at {store.base} is another warehouse's, too, or this one had another address: {way}"
    else:
        others = ", ".join(known.targets[:3])
        yield f"the {what} at {store.base} is another project's, too ({others}): {way}"


def _read(store: ObjectStore) -> _Mark | None:
    try:
        found = json.loads(store.get(MARK))
        return _Mark(str(found["warehouse"]), tuple(str(name) for name in found["targets"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
