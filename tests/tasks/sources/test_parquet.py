"""Parquet as a source: every type's values arrive as they are, and what wouldn't is refused or set aside."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from deployments.errors import HeadgateError, UpstreamError
from expectations.contract.split import Reject
from tasks.objects.store import open_store
from tasks.sources.opening import OpenSource
from tasks.sources.parquet import ParquetReader

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from tests.conftest import Web

Read = Callable[..., bytes]
Source = Callable[..., OpenSource]

# What DuckDB doesn't write: a column `t` of INT96 by Arrow and by Spark, `d` of decimal(60,0), `n` of Arrow's null type.
INT96 = (
    "c-jka3^EjD5LFS?&=F+<GT21fWEdD2gj|?_BoiaUsc3c}gW+<QDuXDCq>d?r1Y2=(Mrv-NC=*bzDw70b34<7uq>QAD8iR}|o1`imgCtN)lu3+9%uCEqjl)"
    "w0Xet9xwT&j5q#6UrSfB)x8i$x4gN8yuVo_mfYKd-gL4j^!QBi)mLRo52ab|v=f{~e?fu5nH49GQAKpX&cC;%2D8~p"
)
SPARK = (
    "c-mD`O;5r=5FIvHG2uW+w%H~<^g<JoQUSpjqlr@l{6M56M9@=h2&h17DUkRRjK9l+SO1W^Z6#q2JG1Z2zL}lf9`-9VO&L`?lu*b6WDWRv+6QjGp9P>m^He"
    "rCm!lGuR1P0#gs&u(B0$rMQ3ob1-RXGlP!321!crl~L{Sx02bD@n9i*JXK}uvI&*V_Q&@)AY7X@(uxG;gUqNL~`ba@8RGja%u!I&3JOviV)y1De7;LTi*g"
    "XN32V0%Yq-7EvkV!wa?a2nTVU*u5O2@10@wp+v+S`%y`POveFFw5HEH^Mi!d<&EPze>bk3vWd}5*b87xD7u#uY=WH1Pb0-yK{Fn8d}p)bvo-Tx|`APCg?0"
    "4XYQiwKUZtG)wk?8;=X~{Ms)Eq5pO0<qU}XV?VYP7;gu~)^1eoK>A2-{U>cv<`)VAPT;DG_LEvq)WPn=r*eshBMHLVFodW3bfA9yKW_m3"
)
DECIMAL60 = (
    "c-jka3^EjD5OolB(h+3>GT21fWEdD26eO5{BoiY8BV&L|j<x8|Nonnuj<A~i-J1L#3`AKZbxau~*ou=gQgahUnHWU*L`_7QBp6dvxq!x0=){0Xpc!IJk}{"
    "GqY78=>e3Ghc43a<<qD*2;VrgO-Y8;+2KvfJt-8PzRl4=YfJAo2RY8+x23>pdriA9B_sU^C}1qHf^MMe4L3T3H9#hLke3Pxsn26~2)G9agR0dWA(7XYK)D"
    "X#"
)
NULLS = (
    "c-mFay$ZrG5CGsy2%&?6gBJ{R=weW4r4{Vd#nDZQI0{7z7PQvZpBHfSeO!DvFV&@i<c{!hcid``MhNI*=%b)SqI3a3tvS7dG58(+k0g57?@&2tDWK5F9EP"
    "&l9r9C#_G83{yx0SBN?3XP*up})+Be`5A4$*_AXh@AYGa(Gi?#)aWFobpq5ziiA7y1LXDT+^uCx%;lPO^w^<psgs;s`;@@ufGsvxWD^TWI6byJ*6Zx&C(X"
    "{3Fc-H!jJyP_q00lwQJH2"
)


def parquet(path: Path, select: str, **options: str) -> dict[str, Any]:
    """A file as DuckDB writes it, and the source that is declared for it."""
    name = str(path).replace("'", "''")
    said = "".join(f", {name} {value}" for name, value in options.items())
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"COPY ({select}) TO '{name}' (FORMAT parquet{said})")
    return {"kind": "parquet", "url": f"file://{path}"}


def given(path: Path, text: str) -> dict[str, Any]:
    path.write_bytes(zlib.decompress(base64.b85decode(text)))
    return {"kind": "parquet", "url": f"file://{path}"}


TYPES = [
    ("127::TINYINT", "127"), ("255::UTINYINT", "255"), ("65535::USMALLINT", "65535"), ("4294967295::UINTEGER", "4294967295"),
    ("(-9223372036854775808)::BIGINT", "-9223372036854775808"), ("18446744073709551615::UBIGINT", "18446744073709551615"),
    ("0.1::FLOAT", "0.1"), ("0.1::DOUBLE", "0.1"), ("5e-324::DOUBLE", "5e-324"), ("'nan'::DOUBLE", "nan"),
    (f"{'9' * 36}.99::DECIMAL(38,2)", f"{'9' * 36}.99"), ("-0.05::DECIMAL(4,2)", "-0.05"), ("true", "true"),
    ("DATE '0001-01-01'", "0001-01-01"), ("DATE '9999-12-31'", "9999-12-31"), ("TIME '23:59:59.999999'", "23:59:59.999999"),
    ("TIMESTAMP '9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"), ("TIMESTAMP_MS '2024-01-01 00:00:00.123'",
    "2024-01-01 00:00:00.123"), ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "2024-01-01 00:00:00.123456789"),
    ("TIMESTAMP_NS '2024-01-01 00:00:00.123456'", "2024-01-01 00:00:00.123456"),
    ("TIMESTAMPTZ '2024-01-01 09:00:00+09'", "2024-01-01 00:00:00+00"),
    ("UUID '00000000-0000-0000-0000-0000000000ff'", "00000000-0000-0000-0000-0000000000ff"),
    ("'é''\"\n'", '"é\'""\n"'), ("''", '""'), ("'a'::ENUM('a', 'b')", '"a"'), ("'\\x00\\xFFa'::BLOB", '"00ff61"'),
    ("''::BLOB", '""'), ("[1, NULL]", '"[1,null]"'), ("[]::INT[]", '"[]"'), ("[[0.1234567890123456789::DECIMAL(38,19)]]",
    '"[[0.1234567890123456789]]"'), ("{'a': 'x\"', 'b': {'c': NULL}}", '"{""a"":""x\\"""",""b"":{""c"":null}}"'),
    ("MAP {'k': 18446744073709551615::UBIGINT}", '"{""k"":18446744073709551615}"'), ("NULL::INT", ""), ("NULL::INT[]", ""),
    ("['NaN', 'x,NaN,Infinity']", '"[""NaN"",""x,NaN,Infinity""]"'), ("NULL::VARCHAR", ""),
]  # fmt: skip


@pytest.mark.effect("ParquetSource.kind", "ParquetSource.url")
@pytest.mark.parametrize(("value", "text"), TYPES)
def test_every_type_arrives_as_it_is(tmp_path: Path, read: Read, value: str, text: str) -> None:
    source = parquet(tmp_path / "a[1]*.parquet", f"SELECT 1 AS id, {value} AS v")
    source["url"] = source["url"].replace("[1]*", "%5B1%5D%2A")
    assert read(source).decode() == f'"id","v"\n1,{text}\n'


@pytest.mark.parametrize("value", ["['nan'::DOUBLE]", "{'a': '-inf'::FLOAT}", "MAP {'x': ['inf'::DOUBLE]}"])
def test_what_no_json_holds_is_set_aside(tmp_path: Path, source: Source, value: str) -> None:
    declared = parquet(
        tmp_path / "a", f"SELECT 1 AS id, NULL AS v UNION ALL SELECT 2, {value} UNION ALL SELECT 3, NULL"
    )
    reader = source(declared)
    assert b"".join(reader.chunks()) == b'"id","v"\n1,\n3,\n'
    (aside,) = reader.set_aside
    assert (aside.record, aside.code) == (1, "NOT-JSON-VALUE")
    assert aside.raw.startswith(b"2,")


REFUSED = {
    "INT96": (INT96, "INT96, whose nanoseconds"),
    "a decimal of 60 digits": (DECIMAL60, "decimal of 60 digits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_arrive_changed_is_refused(tmp_path: Path, read: Read, case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(HeadgateError, match=words) as caught:
        read(given(tmp_path / "a", text))
    assert (caught.value.code, caught.value.family) == ("PARQUET-TYPE", "upstream")


def test_bytes_in_a_list_are_refused(tmp_path: Path, read: Read) -> None:
    with pytest.raises(HeadgateError, match="'v' has bytes inside") as caught:
        read(parquet(tmp_path / "a", "SELECT ['\\xFF'::BLOB] AS v"))
    assert caught.value.code == "PARQUET-TYPE"


@pytest.mark.parametrize(("name", "words"), [
    (b"VALUE", "differs from another in nothing but the case of its letters; its columns: value, VALUE"),
    (b"value", "differs from another in nothing but the case of its letters; its columns: value, value"),
])  # fmt: skip
def test_columns_that_no_query_tells_apart_are_refused(tmp_path: Path, read: Read, name: bytes, words: str) -> None:
    source = parquet(tmp_path / "a", "SELECT 1 AS value, 2 AS VALUX")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes().replace(b"VALUX", name))
    with pytest.raises(HeadgateError, match=words) as caught:
        read(source)
    assert caught.value.code == "PARQUET-TYPE"


def test_other_writers(tmp_path: Path, read: Read) -> None:
    assert read(given(tmp_path / "a", SPARK)) == b'"t"\n2024-03-01 00:00:00.123456\n'
    assert read(given(tmp_path / "b", NULLS)) == b'"id","n"\n1,\n2,\n'


def test_a_long_file_comes_in_its_order_and_in_pieces(tmp_path: Path, source: Source) -> None:
    declared = parquet(tmp_path / "a", "SELECT range AS n FROM range(300000)", ROW_GROUP_SIZE="20000")
    pieces = list(source(declared).chunks())
    assert b"".join(pieces) == b'"n"\n' + b"".join(b"%d\n" % n for n in range(300_000))
    assert max(map(len, pieces)) < 200_000


@pytest.mark.effect("ParquetSource.connection", "ParquetSource.allowed_hosts")
def test_from_the_web_and_from_s3(tmp_path: Path, web: Web, clients: StackState, read: Read) -> None:
    parquet(tmp_path / "a", "SELECT 7 AS id")
    body, lines = (tmp_path / "a").read_bytes(), b'"id"\n7\n'
    web.put("/a.parquet", body)
    source = {"kind": "parquet", "url": "/a.parquet", "connection": "files"}
    assert read(source, files=web.base) == lines
    base = f"s3://{clients.s3_bucket}/parquet-test"
    open_store(base).put("a.parquet", body)
    assert read({"kind": "parquet", "url": f"{base}/a.parquet"}) == lines
    there = web.base.replace("127.0.0.1", "localhost") + "/a.parquet"
    web.put("/moved", b"", status=302, headers={"Location": there})
    with pytest.raises(HeadgateError) as caught:
        read(source | {"url": "/moved"}, files=web.base)
    assert caught.value.code == "SOURCE-ELSEWHERE"
    assert read(source | {"url": "/moved", "allowed_hosts": ["localhost"]}, files=web.base) == lines


def test_a_file_that_is_no_whole_parquet_is_told(tmp_path: Path, read: Read) -> None:
    source = parquet(tmp_path / "a", "SELECT range AS n FROM range(1000)")
    body = (tmp_path / "a").read_bytes()
    cases = {"SOURCE-CUT": body[:-20], "EMPTY-SOURCE": b"", "NOT-PARQUET": b"id\n1\n"}
    for code, data in cases.items():
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(HeadgateError) as caught:
            read(source)
        assert (caught.value.code, caught.value.family) == (code, "upstream")
        assert "/dev/fd" not in str(caught.value)


def test_a_file_that_is_written_to_meanwhile_is_told(tmp_path: Path, source: Source) -> None:
    declared = parquet(tmp_path / "a", "SELECT range AS n FROM range(100000)")
    chunks = source(declared).chunks()
    next(chunks)
    with (tmp_path / "a").open("ab") as file:
        file.write(b"x")
    with pytest.raises(HeadgateError, match="written to") as caught:
        list(chunks)
    assert caught.value.code == "SOURCE-CUT"


def test_rows_set_aside_keep_their_place(tmp_path: Path, source: Source) -> None:
    select = "SELECT range AS id, CASE WHEN range = 12345 THEN ['nan'::DOUBLE] END AS v FROM range(20000)"
    reader = source(parquet(tmp_path / "a", select))
    assert sum(1 for chunk in reader.chunks() for _ in chunk.splitlines()) == 20_000
    assert reader.set_aside == [Reject(12_345, "NOT-JSON-VALUE", b'12345,"[NaN]"')]


def test_no_value_of_a_row_stands_in_an_error(tmp_path: Path, read: Read) -> None:
    source = parquet(tmp_path / "a.parquet", "SELECT 'MARK \"it'' @x.example' AS mail, 1 AS n")
    file = tmp_path / "a.parquet"
    whole = file.read_bytes()
    assert b"it' @x" in whole
    for broken in (whole.replace(b"it' @x", b"it' \xffx"), whole.replace(b"MARK", b"MAR\xff")):
        file.write_bytes(broken)
        with pytest.raises(HeadgateError) as caught:
            read(source)
        assert (caught.value.code, "isn't UTF-8" in caught.value.message) == ("SOURCE-CUT", True)
        for part in ("MAR", "example"):
            assert part not in str(caught.value) + str(caught.value.facts)


def test_a_file_is_read_wherever_it_lies_and_no_other_one(
    tmp_path: Path, read: Read, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be read is that file: not the folder of files that come and go, and not where it lies itself."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (tmp_path / "lake #1").mkdir()
    declared = parquet(tmp_path / "lake #1" / "a 'b'.parquet", "SELECT 1 AS n")
    assert read(declared) == b'"n"\n1\n'
    other = tmp_path / "lake #1" / "other.csv"
    other.write_text("n\n1\n")
    reader = source(declared)
    assert isinstance(reader, ParquetReader)
    with pytest.raises(UpstreamError, match="Permission"), reader._opened() as (engine, _):
        engine.execute(f"SELECT * FROM read_csv('{other}')")


def test_what_is_spilled_is_closed_to_other_users(tmp_path: Path, source: Source) -> None:
    reader = source(parquet(tmp_path / "a.parquet", "SELECT 1 AS n"))
    assert isinstance(reader, ParquetReader)
    with reader._opened() as (engine, _):
        (spill,) = engine.execute("SELECT current_setting('temp_directory')").fetchall()[0]
        assert Path(spill).stat().st_mode & 0o777 == 0o700
        assert not list(Path(spill).iterdir())
    assert not Path(spill).exists()
