"""What a type of a column is: one row per type, with what the rest of the program asks of it.

What is done with a value (its spellings, its checksum) stands where it is done, as SQL of the engine that does it:
`expectations/contract/lexical.py` and `checksum.py`, and `checksums.py` of each warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["smallint", "integer", "bigint", "decimal", "double precision", "boolean", "date", "timestamp",
               "timestamptz", "time", "varchar", "binary", "json"]  # fmt: skip
Measured = Literal["integer", "decimal", "double", "boolean", "date", "timestamp", "time", "text", "bytes", "json"]
"""As what a profile measures values."""


@dataclass(frozen=True, slots=True)
class KindFacts:
    """`spelled`: other names that declarations and catalogs have for it. `duckdb`: the type that holds every value of it in the
    checks. `measured`: as what a profile measures it. `parquet`: types of a Parquet file, as DuckDB calls them, that Redshift's
    COPY takes as they are (decimals are compared digit by digit). `is_number`: whether conversions of numbers belong to it.
    `on_postgres`, `on_redshift`: what the warehouse calls it, where that is another name.
    """

    spelled: tuple[str, ...]
    duckdb: str
    measured: Measured
    parquet: tuple[str, ...] = ()
    is_number: bool = False
    on_postgres: str = ""
    on_redshift: str = ""


KINDS: Mapping[Kind, KindFacts] = {
    "smallint": KindFacts(("int2",), "SMALLINT", "integer", ("TINYINT", "SMALLINT"), is_number=True),
    "integer": KindFacts(("int", "int4"), "INTEGER", "integer", ("TINYINT", "SMALLINT", "INTEGER"), is_number=True),
    "bigint": KindFacts(("int8",), "BIGINT", "integer", ("BIGINT",), is_number=True),
    "decimal": KindFacts(("numeric",), "DECIMAL", "decimal", is_number=True),
    "double precision": KindFacts(("float8", "double"), "DOUBLE", "double", ("DOUBLE",), is_number=True),
    "boolean": KindFacts(("bool",), "BOOLEAN", "boolean", ("BOOLEAN",)),
    "date": KindFacts((), "DATE", "date", ("DATE",)),
    "timestamp": KindFacts(("timestamp without time zone",), "TIMESTAMP", "timestamp", ("TIMESTAMP",)),
    "timestamptz": KindFacts(
        ("timestamp with time zone",), "TIMESTAMPTZ", "timestamp", ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
    ),
    "time": KindFacts(("time without time zone",), "TIME", "time"),
    "varchar": KindFacts(("character varying",), "VARCHAR", "text", ("VARCHAR",)),
    # Their texts in the checks: hexadecimal digits, and the one spelling of a JSON value (`canonical_json.py`).
    "binary": KindFacts(
        ("bytea", "varbyte", "varbinary", "binary varying"),
        "VARCHAR",
        "bytes",
        on_postgres="bytea",
        on_redshift="varbyte(32767)",
    ),
    "json": KindFacts(("jsonb", "super"), "VARCHAR", "json", on_postgres="jsonb", on_redshift="super"),
}
SPELLED: Mapping[str, Kind] = {name: kind for kind, facts in KINDS.items() for name in (kind, *facts.spelled)}
ALLOWED_TYPES = ", ".join({"decimal": "decimal(p,s)", "varchar": "varchar(n)"}.get(kind, kind) for kind in KINDS)
