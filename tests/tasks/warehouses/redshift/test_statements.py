"""Redshift's own SQL as text: what is sent, and that nothing unchecked can get into it."""

from __future__ import annotations

from typing import Any

import psycopg2.extensions
import pytest
from psycopg2 import sql
from pydantic import ValidationError

from deployments.declarations.columns import Column
from deployments.declarations.table import CopyOptions, Physical
from deployments.errors import DeclarationError
from tasks.objects.manifest import Manifest, Part
from tasks.warehouses.names import TableName
from tasks.warehouses.redshift.adapter import RedshiftAdapter, RedshiftAddress
from tasks.warehouses.redshift.authorization import authorization
from tasks.warehouses.redshift.copy import copy_parts
from tasks.warehouses.redshift.ddl import altered_layout, create_table
from tasks.warehouses.redshift.options import Value, copy_options
from tasks.warehouses.shapes import Shape

effect = pytest.mark.effect
LIVE = TableName("raw_data", "orders")
ROLE = "arn:aws:iam::123456789012:role/load"


def text(composed: sql.Composable) -> str:
    """The statement as psycopg2 writes it for a server it knows nothing of; blanks in a row are one."""
    return " ".join("".join(map(_one, _parts(composed))).split())


def _parts(composed: sql.Composable) -> list[sql.Composable]:
    if isinstance(composed, sql.Composed):
        return [inner for part in composed.seq for inner in _parts(part)]
    return [composed]


def _one(part: sql.Composable) -> str:
    if isinstance(part, sql.SQL):
        return part.string
    if isinstance(part, sql.Identifier):
        return ".".join('"' + name.replace('"', '""') + '"' for name in part.strings)
    assert isinstance(part, sql.Literal)
    return psycopg2.extensions.adapt(part.wrapped).getquoted().decode()


def shape(physical: Physical, *columns: Column) -> Shape:
    return Shape(columns, ("id",), physical, "Orders.", ())


@effect(
    "Physical.diststyle",
    "Physical.diststyle=key",
    "Physical.distkey",
    "Physical.sortkey",
    "Column.encode",
    "Column.nullable",
)
def test_create_table_with_layout_and_encodings() -> None:
    made = create_table(
        LIVE,
        shape(
            Physical(diststyle="key", distkey="id", sortkey=("day", "id")),
            Column(name="id", type="bigint", nullable=False, encode="az64"),
            Column(name="day", type="date", encode="auto"),
        ),
    )
    assert text(made) == (
        'CREATE TABLE "raw_data"."orders" ("id" bigint ENCODE AZ64 NOT NULL, "day" date) '
        'DISTSTYLE KEY DISTKEY ("id") COMPOUND SORTKEY ("day", "id")'
    )


@pytest.mark.parametrize(
    ("declared", "live", "typed"),
    [
        ({"sortkey": ("day", "id")}, ("auto", None, ("day", "id")), []),
        ({"sortkey": ("day", "id")}, ("auto", None, ("id", "day")), ['COMPOUND SORTKEY ("day", "id")']),
        ({"diststyle": "key", "distkey": "id"}, ("key", "day", ()), ['DISTSTYLE KEY DISTKEY "id"']),
        ({"diststyle": "key", "distkey": "id"}, ("key", "id", ("day",)), []),
        # The service chose the key of its AUTO itself.
        ({"diststyle": "auto"}, ("auto", "id", ("id",)), []),
        ({"diststyle": "auto"}, ("even", None, ()), ["DISTSTYLE AUTO"]),
        ({"diststyle": "all", "sortkey": ("id",)}, ("even", None, ()), ["DISTSTYLE ALL", 'COMPOUND SORTKEY ("id")']),
    ],
)
def test_what_gives_a_table_the_declared_layout(declared: Any, live: Any, typed: list[str]) -> None:
    found = [text(statement) for statement in altered_layout(LIVE, Physical(**declared), *live)]
    assert found == [f'ALTER TABLE "raw_data"."orders" ALTER {change}' for change in typed]


def test_types_by_their_names_there() -> None:
    columns = [Column(name=name, type=name) for name in ("time", "json", "binary")]
    made = text(create_table(LIVE, shape(Physical(), *columns)))
    assert made.endswith('("time" time, "json" super, "binary" varbyte(32767))')
    adapter = RedshiftAdapter(RedshiftAddress("redshift://u:p@h/d"))
    assert text(adapter.as_compared("json", sql.SQL("j"))) == "json_serialize(j)"
    # A JSON value isn't told again as it was loaded: there is no hash of it.
    assert text(adapter.checksum_list(columns[1:2], columns[1:2])).endswith(", 0, 0, NULL")


@pytest.mark.parametrize(("style", "clause"), [
    pytest.param(style, clause, marks=effect(f"Physical.diststyle={style}"))
    for style, clause in {"auto": "", "even": " DISTSTYLE EVEN", "all": " DISTSTYLE ALL"}.items()
])  # fmt: skip
def test_styles(style: Any, clause: str) -> None:
    made = text(create_table(LIVE, shape(Physical(diststyle=style), Column(name="id", type="integer"))))
    assert made.endswith(f'("id" integer){clause}')


def test_auto_layout_says_nothing() -> None:
    assert text(create_table(LIVE, shape(Physical(), Column(name="id", type="integer")))).endswith('("id" integer)')


@pytest.mark.parametrize(
    ("escaped", "form"), [(False, "FORMAT AS CSV QUOTE AS '\"' DELIMITER AS '|'"), (True, "ESCAPE DELIMITER AS '|'")]
)
def test_copy(escaped: bool, form: str) -> None:
    manifest = Manifest("p/manifest.json", "|", "~null~", (Part(1, "p/part-1", 1, 1, ""),))
    made = copy_parts(
        "s3://b/p/manifest.json", manifest, LIVE, ["id", "note"], authorization(ROLE), copy_options({}), escaped
    )
    assert text(made) == (
        'COPY "raw_data"."orders" ("id", "note") FROM \'s3://b/p/manifest.json\' '
        f"IAM_ROLE '{ROLE}' MANIFEST {form} NULL AS '~null~' ZSTD ENCODING AS UTF8 DATEFORMAT AS 'YYYY-MM-DD' "
        "TIMEFORMAT AS 'auto' COMPUPDATE OFF STATUPDATE OFF"
    )


def test_a_stage_that_isn_t_s3_is_refused() -> None:
    with pytest.raises(DeclarationError, match="must start with s3://"):
        copy_parts("file:///x", Manifest("m", ",", "~", ()), LIVE, ["id"], authorization(ROLE), copy_options({}))


@pytest.mark.parametrize(
    ("declared", "clauses"),
    [
        ({}, "COMPUPDATE OFF STATUPDATE OFF"),
        pytest.param({"compupdate": "preset", "statupdate": True}, "COMPUPDATE PRESET STATUPDATE ON",
                     marks=effect("CopyOptions.compupdate", "CopyOptions.statupdate")),
        pytest.param({"region": "eu-west-1"}, "COMPUPDATE OFF REGION AS 'eu-west-1' STATUPDATE OFF",
                     marks=effect("CopyOptions.region")),
        pytest.param({"compupdate": True, "comprows": 1000}, "COMPROWS 1000 COMPUPDATE ON STATUPDATE OFF",
                     marks=effect("CopyOptions.comprows")),
    ],
)  # fmt: skip
def test_copy_options(declared: dict[str, Value], clauses: str) -> None:
    assert text(copy_options(CopyOptions.model_validate(declared).model_dump(exclude_none=True))) == clauses


@pytest.mark.parametrize(
    "declared",
    [{"region": "x'; DROP"}, {"comprows": True}, {"comprows": -1}, {"compupdate": "off; x"}, {"acceptinvchars": "?"},
     {"emptyasnull": True}, {"statupdate": "maybe"}, {"roundec": True}, {"maxerror": 1}],
)  # fmt: skip
def test_copy_options_that_are_refused(declared: dict[str, Value]) -> None:
    with pytest.raises(ValidationError):
        CopyOptions.model_validate(declared)


@pytest.mark.parametrize(
    ("role", "clause"),
    [(ROLE, f"IAM_ROLE '{ROLE}'"), (f"{ROLE},{ROLE}2", f"IAM_ROLE '{ROLE},{ROLE}2'"), ("default", "IAM_ROLE default")],
)
def test_roles(role: str, clause: str) -> None:
    assert text(authorization(role)) == clause


@pytest.mark.parametrize(
    "role", ["AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::1:role/x", f"{ROLE}' x", "arn:aws:iam::123456789012:user/x"]
)
def test_what_is_no_role_is_refused_without_being_repeated(role: str) -> None:
    with pytest.raises(DeclarationError, match="isn't the ARN of an IAM role") as caught:
        authorization(role)
    assert role not in str(caught.value)


def test_a_column_is_added_nullable_and_one_at_a_time() -> None:
    adapter = RedshiftAdapter(RedshiftAddress("redshift://u:p@h/d"))
    column = Column(name="extra", type="varchar(5)", nullable=False, encode="zstd")
    assert [text(item) for item in adapter.alter(LIVE, "new_column", column)] == [
        'ALTER TABLE "raw_data"."orders" ADD COLUMN "extra" varchar(5) ENCODE ZSTD'
    ]
    assert adapter.alter_before(LIVE, "new_column", column) == []


def test_a_longer_varchar_is_altered_before_the_publish_and_nothing_else_is() -> None:
    adapter = RedshiftAdapter(RedshiftAddress("redshift://u:p@h/d"))
    (widened,) = adapter.alter_before(LIVE, "widened", Column(name="note", type="varchar(50)"))
    assert text(widened) == 'ALTER TABLE "raw_data"."orders" ALTER COLUMN "note" TYPE varchar(50)'
    with pytest.raises(DeclarationError, match="can't change id to bigint in place"):
        adapter.alter_before(LIVE, "widened", Column(name="id", type="bigint"))


def test_figures_of_every_type() -> None:
    columns = [Column(name="n", type="integer"), Column(name="t", type="varchar(5)"), Column(name="d", type="decimal(38,2)"),
               Column(name="f", type="double precision"), Column(name="s", type="timestamptz"),
               Column(name="o", type="time"), Column(name="x", type="binary"), Column(name="j", type="json")]  # fmt: skip
    made = text(RedshiftAdapter(RedshiftAddress("redshift://u:p@h/d")).checksum_list(columns, columns))
    for part in ('coalesce(sum("n"), 0)', 'sum(octet_length("t"))', '::varchar || \'e17 \' || sum(',
                 'coalesce(sum(abs(CASE WHEN abs("f") >= ', "sum(octet_length(\"x\"))", "ascii(left(json_serialize(\"j\"), 1))",
                 "datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', \"s\")",
                 "datediff(microsecond, time '00:00:00', \"o\")",
                 'strtol(left(md5(md5(coalesce("t", chr(1))) || chr(31) || md5(coalesce(lower(to_hex("x")), chr(1)))), 8), '
                 '16)'):  # fmt: skip
        assert part in made
