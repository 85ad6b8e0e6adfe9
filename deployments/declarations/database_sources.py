"""Sources that are one SELECT on a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator

from deployments.addresses import MYSQL, POSTGRES
from deployments.declarations.model import Declared, Duration, Identifier
from deployments.declarations.one_statement import one_select
from deployments.declarations.source_facts import Cursor, OnMissing, SourceFacts
from deployments.quantities import plural


class Chunks(Declared):
    """A large read as statements of their own, each of a range of a column's values."""

    by: str = Field(
        description="Column of the query, the first one of an index at the source: a whole number, a decimal, text, a uuid, a "
        "date or a time."
    )
    rows: int = Field(1_000_000, ge=1, le=1_000_000_000, description="Rows of one statement; more where values repeat.")
    snapshot: Literal["batch", "chunk"] = Field(
        "batch",
        description="batch: all rows are those of one moment. chunk: each chunk is of a moment of its own; no snapshot is held "
        "for longer than one takes, and a lost connection costs one. It needs a column of the table's key that never changes.",
    )

    @property
    def said(self) -> str:
        """For people: its column, and what becomes of the one moment."""
        return f"{self.by}{', each of a moment of its own' if self.snapshot == 'chunk' else ''}"


class DatabaseSource(SourceFacts):
    """One SELECT on a database, in a read-only transaction."""

    is_database: ClassVar[bool] = True
    has_catalog: ClassVar[bool] = True
    gives_stable_bytes: ClassVar[bool] = False
    can_list_keys: ClassVar[bool] = True
    quote: ClassVar[str] = '"'
    """What a name that isn't a plain word stands between."""
    is_mysql: ClassVar[bool] = False
    """Whether its SQL is read as MySQL reads it."""

    kind: str
    on_missing: OnMissing = Field(
        "empty", description="A window without rows: empty (nothing is in it), fail, or wait until there are some."
    )
    connection: Identifier = Field(description="Name of a connection in the settings.")
    query: str = Field(description="One SELECT; the window is added around it by the cursor.")
    cursor: Cursor | None = Field(None, description="Needed when the table has windows.")
    statement_timeout: Duration = Field("1h", description="The source cancels a longer statement.")
    chunks: Chunks | None = Field(
        None, description="Reads a large table by ranges of a key; without it, by one statement."
    )

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str) -> str:
        return one_select(value, of_mysql=cls.is_mysql)

    @property
    def statement(self) -> str:
        return self.query

    @property
    def read_in(self) -> str:
        return "" if self.chunks is None else f"in chunks of {plural(self.chunks.rows, 'row')} by {self.chunks.said}"

    @property
    def cut_by(self) -> Cursor | None:
        return self.cursor

    def only(self, columns: Sequence[str]) -> Self:
        listed = ", ".join(f"{self.quote}{name.replace(self.quote, 2 * self.quote)}{self.quote}" for name in columns)
        query = f"SELECT {listed} FROM ({self.query}\n) hg_rows"
        chunks = self.chunks if self.chunks is not None and self.chunks.by in columns else None
        return self.model_copy(update={"query": query, "cursor": None, "chunks": chunks})


class PostgresSource(DatabaseSource):
    """A SELECT on a PostgreSQL database, read by COPY TO STDOUT in a read-only transaction."""

    all_tables: ClassVar[str] = (
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' "
        "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)"
    )
    kind: Literal["postgres"]
    schemes: ClassVar[tuple[str, ...]] = POSTGRES


class MysqlSource(DatabaseSource):
    """A SELECT on a MySQL or MariaDB database, streamed from one consistent snapshot in a read-only transaction."""

    all_tables: ClassVar[str] = (
        "SELECT table_schema AS nspname, table_name AS relname FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    )
    kind: Literal["mysql"]
    schemes: ClassVar[tuple[str, ...]] = MYSQL
    quote: ClassVar[str] = "`"
    is_mysql: ClassVar[bool] = True
