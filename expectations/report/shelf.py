"""Where pages lie: the few verbs the report needs of a store, names of its objects, and their content types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from deployments.errors import RetryableError
from expectations.report.model import Line, StartRow, TableTwin

START_PAGE, START_TWIN = "index.html", "index.json"
METRICS_PAGE, METRICS_TWIN = "metrics.html", "metrics.json"
_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "jsonl": "application/x-ndjson"}
ENDINGS = frozenset(_TYPES)
_READERS = 16
_TRIES = 5
Read = TypeVar("Read")


class Shelf(Protocol):
    """An object store: what is put is there as a whole or not at all."""

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None: ...

    def get(self, key: str) -> bytes: ...

    def keys(self, prefix: str) -> list[str]: ...

    def listing(self, prefix: str) -> Sequence[tuple[str, int, str]]: ...

    def delete(self, prefix: str) -> int: ...


def table_page(table: str, ending: str = "html") -> str:
    return f"tables/{table}/index.{ending}"


def history(table: str) -> str:
    return f"tables/{table}/history.jsonl"


def built(table: str) -> str:
    """What a build has written of the table (`expectations.report.built`): no page, and not copied with them."""
    return f"tables/{table}/built.state"


def run_page(table: str, run_id: str, ending: str = "html") -> str:
    return f"tables/{table}/runs/{run_id}.{ending}"


def start_row(table: str) -> str:
    """The table's part of the start page: small, and written by this table's runs only."""
    return f"start/{table}.json"


def content_type(key: str) -> str:
    """The content type of a page by the ending of its name."""
    return _TYPES[key.rpartition(".")[2]]


def write(shelf: Shelf, key: str, text: str) -> None:
    """Put a page. RetryableError when another process keeps taking its place."""
    for _ in range(_TRIES):
        try:
            shelf.put(key, text.encode(), content_type(key))
            return
        except FileNotFoundError:
            # Two processes replaced the same page of a folder at the same moment; one of them has to write again.
            continue
    raise RetryableError(f"can't write {key}: another process keeps replacing it", code="REPORT-BUSY",
                         next_command="headgate report build")  # fmt: skip


def read(shelf: Shelf, key: str) -> bytes | None:
    """An object's bytes; None when there is none."""
    try:
        return shelf.get(key)
    except FileNotFoundError:
        return None


def read_many(shelf: Shelf, keys: Iterable[str], parse: Callable[[bytes], Read]) -> list[Read]:
    """Several objects side by side, in the order of their keys; those that went away meanwhile are left out."""
    with ThreadPoolExecutor(_READERS, thread_name_prefix="report") as pool:
        found = pool.map(lambda key: read(shelf, key), list(keys))
        return [parse(data) for data in found if data is not None]


def read_lines(shelf: Shelf, table: str) -> list[Line]:
    """The table's index: one line per run."""
    data = read(shelf, history(table)) or b""
    return [Line.model_validate_json(line) for line in data.splitlines() if line.strip()]


def read_twin(shelf: Shelf, table: str) -> TableTwin | None:
    data = read(shelf, table_page(table, "json"))
    return None if data is None else TableTwin.model_validate_json(data)


def read_start_rows(shelf: Shelf) -> list[StartRow]:
    keys = [key for key in shelf.keys("start") if key.endswith(".json")]
    return read_many(shelf, keys, StartRow.model_validate_json)


def newest_handover(shelf: Shelf) -> str:
    """The page of the newest hand-over of the rota; '' where none was written."""
    return max((key for key in shelf.keys("handover") if key.endswith(".html")), default="")


def has_metrics(shelf: Shelf) -> bool:
    """Whether there is a page of metrics."""
    return METRICS_PAGE in shelf.keys(METRICS_PAGE)


def run_ids(shelf: Shelf, table: str) -> list[str]:
    """Runs of the table that have a page."""
    found = shelf.keys(f"tables/{table}/runs")
    return [key.rpartition("/")[2].removesuffix(".json") for key in found if key.endswith(".json")]
