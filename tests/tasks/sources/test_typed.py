"""A next command has the source as it is typed to `peek`, which reads the same then."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.table import Table
from deployments.settings import Settings
from tasks.sources.protocol import NO_SUCH_WINDOW, Span
from tasks.sources.spoken import Spoken, declared, with_source

TOLD = "headgate peek SOURCE   (how it is spelled)"


def table_of(source: dict[str, Any], **keys: Any) -> Table:
    return Table.model_validate(
        {"table": "raw.t", "description": "d", "owner": "o", "columns": [{"name": "id", "type": "integer"}],
         "source": source, "load": {"mode": "full_refresh"}} | keys
    )  # fmt: skip


@pytest.mark.parametrize("keys", [
    {"kind": "csv", "delimiter": ";", "encoding": "cp1252"}, {"kind": "csv"}, {"kind": "json", "records": "data.items"},
    {"kind": "csv", "connection": "files"},
])  # fmt: skip
def test_what_is_typed_means_the_declared_source(tmp_path: Path, keys: dict[str, Any]) -> None:
    text = '{"data": {"items": [{"id": 1}]}}' if keys["kind"] == "json" else "id;n\n1;2\n"
    (tmp_path / "a b.csv").write_text(text if "delimiter" in keys or keys["kind"] == "json" else text.replace(";", ","))
    url = "/a%20b.csv" if "connection" in keys else (tmp_path / "a b.csv").as_uri()
    table = table_of({"url": url, **keys})
    words = shlex.split(with_source("headgate peek SOURCE", table, "source"))
    options = dict(zip(words[3::2], words[4::2], strict=True))
    spoken = Spoken(words[2], **{name.removeprefix("--"): value for name, value in options.items()})
    settings = Settings(project=tmp_path, state=tmp_path, connections={"files": tmp_path.as_uri()})
    assert declared(spoken, settings, Span(None, "UTC")) == table.source


def test_windows_databases_and_what_peek_doesnt_read() -> None:
    monthly = table_of({"kind": "csv", "url": "https://a.example.com/{window.start:%Y-%m}.csv"}, load={"mode": "append"},
                       window={"every": "month", "timezone": "UTC", "start": "2024-01-01T00:00:00"})  # fmt: skip
    assert with_source(TOLD, monthly, "2024-02") == (
        "headgate peek 'https://a.example.com/{window.start:%Y-%m}.csv' --window 2024-02 --every month   (how it is spelled)"
    )
    database = table_of({"kind": "postgres", "connection": "shop", "query": "SELECT id\nFROM orders"})
    assert with_source(TOLD, database, "source") == (
        "headgate peek connection:shop --query 'SELECT id FROM orders'   (how it is spelled)"
    )
    objects = table_of({"kind": "csv", "url": "s3://shops/orders/", "objects": "each"}, load={"mode": "append"})
    assert (
        with_source(TOLD, objects, "2024/c.csv") == "headgate peek s3://shops/orders/2024/c.csv   (how it is spelled)"
    )
    for name in ("source", "a b.csv", "1234abcd-" + "x" * 55):
        assert with_source("headgate peek SOURCE", objects, name) == "headgate peek s3://shops/orders/"
    whole = table_of({"kind": "csv", "url": "https://a.example.com/orders.csv"})
    assert with_source(NO_SUCH_WINDOW, whole, "source") == (
        "is source.url right? if so, ask the source's owner; then: headgate run raw.t"
    )
    assert {with_source(NO_SUCH_WINDOW, table, "2024-02") for table in (monthly, objects)} == {NO_SUCH_WINDOW}
    api = table_of({"kind": "rest", "url": "https://a.example.com/orders"})
    assert with_source("headgate peek SOURCE --format json", api, "source") == "headgate plan raw.t --source"
