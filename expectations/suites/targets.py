"""What a suite is run on: a batch in memory, or a table in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

if TYPE_CHECKING:
    import pandas as pd

Dialect = Literal["postgresql", "redshift"]


@dataclass(frozen=True, slots=True)
class InMemoryBatch:
    """The rows of a batch as a pandas DataFrame; `frame_of` makes one from DuckDB without changing a value."""

    frame: pd.DataFrame = field(repr=False)


@dataclass(frozen=True, slots=True)
class WarehouseTable:
    """A table or view in the warehouse, always named with its schema.

    `url` is the warehouse's (`postgresql://` or `redshift://`, password included) and is never shown. `connect_args`
    are psycopg2's, beside those in the URL.
    """

    url: str = field(repr=False)
    schema: str
    table: str
    dialect: Dialect
    connect_args: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def sqlalchemy_url(self) -> str:
        """The URL with the driver the library needs: SQLAlchemy's plain PostgreSQL dialect can't talk to Redshift."""
        driver = "redshift+psycopg2" if self.dialect == "redshift" else "postgresql+psycopg2"
        parts = urlsplit(self.url)
        return urlunsplit((driver, parts.netloc, parts.path, parts.query, ""))

    def session_options(self) -> dict[str, Any]:
        """psycopg2's arguments for a session that reads moments without zone as UTC.

        On Redshift sessions are in UTC unless the user was altered, and startup options are refused.
        """
        given = dict(self.connect_args)
        if self.dialect == "postgresql":
            url_options = parse_qs(urlsplit(self.url).query).get("options", [""])[0]
            options = (url_options, str(given.get("options", "")), "-c timezone=UTC")
            given["options"] = " ".join(part for part in options if part)
        return given


Target = InMemoryBatch | WarehouseTable
