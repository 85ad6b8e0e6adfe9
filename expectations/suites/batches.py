"""Open a target as a batch of Great Expectations, and close it again with nothing left behind."""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deployments.errors import CodeError, RetryableError
from expectations.suites.arguments import ColumnKind
from expectations.suites.library import context
from expectations.suites.targets import InMemoryBatch, Target, WarehouseTable

# Adding and removing data sources changes the one context of the process; judging batches doesn't.
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch ready to be judged. `frame` is None in the warehouse, where rows are counted by the first pass.

    `engine` is SQLAlchemy's, and None in memory.
    """

    batch: Any
    columns: Mapping[str, ColumnKind]
    frame: Any
    name: str
    engine: Any


@contextmanager
def opened(target: Target) -> Iterator[Opened]:
    """The target as the library's batch; its data source and its connections are gone afterwards."""
    name = f"headgate-{uuid.uuid4().hex}"
    source = None
    try:
        source = _connected(target, name)
        yield _open(target, source)
    finally:
        if source is not None:
            with _lock:
                context().data_sources.delete(name)
            if isinstance(target, WarehouseTable):
                # Deleting a data source leaves its sessions open, and a session that has read a candidate can
                # hold up the publish that renames it.
                source.get_engine().dispose()
                source.get_execution_engine().engine.dispose()


def _connected(target: Target, name: str) -> Any:
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    try:
        with _lock:
            return _source(target, name)
    except TestConnectionError:
        # The library's text may hold the address with the password.
        raise RetryableError(
            "The warehouse can't be reached to check a table.", code="WAREHOUSE-UNREACHABLE", target=_where(target),
            next_command="headgate check --connect; then: headgate retry RUN",
        ) from None  # fmt: skip


def _where(target: Target) -> str:
    return "memory" if isinstance(target, InMemoryBatch) else f"{target.schema}.{target.table}"


def _source(target: Target, name: str) -> Any:
    sources = context().data_sources
    if isinstance(target, InMemoryBatch):
        return sources.add_pandas(name)
    url, options = target.sqlalchemy_url(), {"connect_args": target.session_options()}
    if target.dialect == "redshift":
        return sources.add_redshift(name, connection_string=url, kwargs=options)
    return sources.add_postgres(name, connection_string=url, kwargs=options)


def _open(target: Target, source: Any) -> Opened:
    if isinstance(target, InMemoryBatch):
        frame = _judgeable(target.frame)
        asset = source.add_dataframe_asset("batch")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        kinds = {str(column): _kind_of_series(frame[column]) for column in frame.columns}
        return Opened(batch, kinds, frame, _where(target), None)
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    try:
        asset = source.add_table_asset("batch", table_name=target.table, schema_name=target.schema)
    except TestConnectionError:
        raise CodeError(
            f"There is no table {_where(target)} to check.", target=_where(target), next_command="headgate retry RUN"
        ) from None
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    engine = source.get_engine()
    return Opened(batch, _kinds_in_warehouse(engine, target), None, _where(target), engine)


def _kinds_in_warehouse(engine: Any, target: WarehouseTable) -> dict[str, ColumnKind]:
    import sqlalchemy as sa

    kinds: dict[str, ColumnKind] = {}
    for column in sa.inspect(engine).get_columns(target.table, schema=target.schema):
        kind = column["type"]
        if isinstance(kind, sa.Date):
            kinds[column["name"]] = "moment"
        elif isinstance(kind, sa.DateTime):
            kinds[column["name"]] = "moment with zone" if kind.timezone else "moment"
        else:
            # Numbers need no fitting here: the driver writes 0.1 as the exact decimal 0.1.
            kinds[column["name"]] = "other"
    return kinds


def _kind_of_series(series: Any) -> ColumnKind:
    if series.dtype.kind == "M":
        return "moment with zone" if getattr(series.dtype, "tz", None) is not None else "moment"
    first = _first_object(series)
    if isinstance(first, Decimal):
        return "decimal"
    if isinstance(first, datetime.datetime):
        return "moment" if first.tzinfo is None else "moment with zone"
    return "other"


def _judgeable(frame: Any) -> Any:
    """The frame with rows numbered from 0 and days as moments: the library makes moments of the bounds of days."""
    import pandas as pd

    made = frame.reset_index(drop=True)
    for name in made.columns:
        first = _first_object(made[name])
        if isinstance(first, datetime.date) and not isinstance(first, datetime.datetime):
            made[name] = pd.to_datetime(made[name])
    return made


def _first_object(series: Any) -> Any:
    """The first value of a column of Python objects; None for other columns, and for one without values."""
    position = series.first_valid_index() if series.dtype == object else None
    return None if position is None else series.loc[position]
