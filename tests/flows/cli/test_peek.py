"""`peek` and `new` on files and pages: what is shown, what is kept to the terminal, and how a source that can't be read
is told. No warehouse is needed."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from deployments.errors import HeadgateError
from flows.cli import cli

TEXT = "id,email,at\n1,ann@example.com,2024-01-01 10:00:00\n2,bob@example.com,\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tables").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("PROJECT", "STATE", "WAREHOUSE_URL"):
        monkeypatch.delenv(f"HEADGATE_{name}", raising=False)
    return tmp_path


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def failure(*arguments: str) -> HeadgateError:
    result = CliRunner().invoke(cli, [*arguments])
    assert isinstance(result.exception, HeadgateError), result.output
    return result.exception


def test_values_are_for_the_terminal_only(folder: Path) -> None:
    (folder / "people.csv").write_text(TEXT)
    told = call("peek", "people.csv")
    assert "ann@example.com" in told
    assert "looks personal: pii: hash" in told
    assert "50.0 % null" in told
    assert "could be a key: id" in told
    kept = call("peek", "people.csv", "--json")
    assert "ann@" not in kept
    assert [field["type"] for field in json.loads(kept)["fields"]] == ["integer", "varchar(64)", "timestamp"]


def test_a_path_where_nothing_is_was_mistyped(folder: Path) -> None:
    (folder / "people.csv").write_text(TEXT)
    for command in (("peek",), ("new", "raw.people", "--source")):
        error = failure(*command, "poeple.csv")
        assert (error.family, error.message) == (
            "declaration", "there is no file poeple.csv here; did you mean people.csv?",
        )  # fmt: skip
    error = failure("peek", f"file://{folder}/elsewhere/people.csv")
    assert (error.code, error.family) == ("SOURCE-MISSING", "declaration")


def test_the_next_command_names_the_source(folder: Path) -> None:
    (folder / "two parts.json").write_text('{"a": [{"id": 1}], "b": [{"id": 2}]}')
    assert failure("peek", "two parts.json").next_command == "headgate peek 'two parts.json' --records a"


def test_nothing_is_left_behind(folder: Path) -> None:
    (folder / "people.csv").write_text(TEXT)
    call("peek", "people.csv")
    failure("peek", "absent.csv")
    assert not list((folder / ".headgate" / "spool").iterdir())


KILLED = """
import os, signal
from flows import looking
looking.propose = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from flows.cli import main
main(["peek", "people.csv"])
"""


def test_what_a_killed_look_left_goes_with_the_next(folder: Path) -> None:
    (folder / "people.csv").write_text(TEXT)
    repository = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", KILLED], env=os.environ | {"PYTHONPATH": str(repository)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list((folder / ".headgate" / "spool").glob("peek-*/raw/*.csv"))
    call("peek", "people.csv")
    assert not list((folder / ".headgate" / "spool").iterdir())


@pytest.mark.parametrize(("text", "fields"), [
    ("a;b\n1;2,5\n", ["a", "b"]), ("a\tb\n1\t2\n", ["a", "b"]), ("a|b\n1|2\n", ["a", "b"]), ("a\n1\n", ["a"]),
    ('"a,x";b\n1;2\n', ["a,x", "b"]), ('[{"a": 1, "b": null}]', ["a", "b"]), ('{"rows": [{"a": 1}]}', ["a"]),
])  # fmt: skip
def test_format_and_delimiter_are_found_out(folder: Path, text: str, fields: list[str]) -> None:
    (folder / "source.data").write_text(text)
    assert [field["field"] for field in json.loads(call("peek", "source.data", "--json"))["fields"]] == fields


@pytest.mark.effect("headgate peek --format=parquet", "headgate new --format=parquet")
def test_parquet_is_recognised_and_its_own_types_are_taken(folder: Path) -> None:
    with duckdb.connect() as engine:
        engine.execute(
            "COPY (SELECT 1::DECIMAL(12,2) AS price, '007' AS code, NULL::BIGINT AS n) TO 'a.data' (FORMAT parquet)"
        )
    for options in ((), ("--format", "parquet")):
        fields = json.loads(call("peek", "a.data", "--json", *options))["fields"]
        assert [(field["field"], field["type"]) for field in fields] == [
            ("price", "decimal(12,2)"), ("code", "varchar(8)"), ("n", "bigint"),
        ]  # fmt: skip
        call("new", "raw.a", "--source", "a.data", "--force", *options)
        assert "kind: parquet" in (folder / "tables" / "a.yaml").read_text()
    failure("peek", "people.csv", "--format", "parquet")


def test_a_folder_is_looked_at_by_its_first_file(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "_SUCCESS").touch()
    for n in (1, 2):
        (folder / "in" / f"{n}.csv").write_text(f"id;v\n{n};x\n")
    assert json.loads(call("peek", "in/", "--json"))["records"] == 2
    call("new", "raw.a", "--source", "in/")
    text = (folder / "tables" / "a.yaml").read_text()
    source = YAML(typ="safe").load(text)["source"]
    assert source == {"kind": "csv", "url": f"file://{folder}/in/", "delimiter": ";"}
    told = failure("peek", "in").next_command
    assert told == f"headgate peek file://{folder}/in/   (ends in /: all files in it, for CSV and Parquet)"


def test_a_folder_of_parquet_is_drafted_by_its_own_types(folder: Path) -> None:
    (folder / "in").mkdir()
    for n in (1, 2):
        duckdb.sql(f"COPY (SELECT {n} AS id, '007' AS code) TO '{folder}/in/{n}.parquet'")
    assert json.loads(call("peek", "in/", "--json"))["records"] == 2
    told = call("new", "raw.a", "--source", "in/")
    assert "source.objects: each" in told
    (folder / "2024-01-01").mkdir()
    (folder / "in" / "1.parquet").rename(folder / "2024-01-01" / "1.parquet")
    windows = call("new", "raw.b", "--source", "{window.start:%Y-%m-%d}/", "--window", "2024-01-01")
    assert "source.objects: each" not in windows, "each is a batch of its own, or each window is"
    table = YAML(typ="safe").load((folder / "tables" / "a.yaml").read_text())
    assert table["source"] == {"kind": "parquet", "url": f"file://{folder}/in/"}
    assert [column["type"] for column in table["columns"]] == ["integer", "varchar(8)"]


@pytest.mark.parametrize("name", ["{}.jsonl.gz", "{}.txt"])
def test_a_folder_of_json_is_drafted_object_by_object(folder: Path, name: str) -> None:
    (folder / "in").mkdir()
    for n in (1, 2):
        lines = "".join(f'{{"id": {n}{i}, "by": {{"mail": "a"}}}}\n' for i in range(9))
        data = gzip.compress(lines.encode()) if name.endswith(".gz") else lines.encode()
        (folder / "in" / name.format(n)).write_bytes(data)
    assert json.loads(call("peek", "in/", "--json"))["records"] == 18
    told = call("new", "raw.a", "--source", "in/")
    assert "18 of 18 records fit the draft (all, 2 objects from" in told
    table = YAML(typ="safe").load((folder / "tables" / "a.yaml").read_text())
    assert table["source"] == {"kind": "json", "objects": "each", "url": f"file://{folder}/in/", "format": "lines"}
    assert (table["load"]["mode"], "window" in table) == ("append" if "key" not in table else "merge", False)
    assert "no mistakes" in call("check")


def test_each_object_is_drafted_from_the_first_ones(folder: Path) -> None:
    (folder / "in").mkdir()
    for n, text in enumerate(("id,v\n1,x\n", "id,v\n2,y\n", "id,other\n3,y\n"), start=1):
        (folder / "in" / f"{n}.csv").write_text(text)
    (folder / "in" / "notes.txt").write_text("none of them")
    source = f'source: {{kind: csv, objects: each, pattern: "*.csv", url: "file://{folder}/in/"}}\n'
    (folder / "in.yaml").write_text(source)
    error = failure("new", "raw.a", "--source", "in.yaml")
    assert (error.code, str(error.next_command).partition("   ")[0]) == (
        "HEADER-CHANGED", "headgate peek in.yaml --rows 1",
    )  # fmt: skip
    assert json.loads(call("peek", "in.yaml", "--rows", "1", "--json"))["records"] == 1
    (folder / "in" / "3.csv").unlink()
    call("new", "raw.a", "--source", "in.yaml")
    text = (folder / "tables" / "a.yaml").read_text()
    assert f"from all 2 records of file://{folder}/in/.\n" in text
    assert "mode: merge   # each object once" in text
    assert "no mistakes" in call("check")
    (folder / "in.yaml").write_text(source.replace("*.csv", "*.gz"))
    assert failure("peek", "in.yaml").code == "SOURCE-MISSING"


def test_a_resource_that_may_remember_is_asked_about(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "told_rows.py").write_text("def rows():\n    yield [{'id': n} for n in range(200)]\n")
    monkeypatch.syspath_prepend(str(folder))
    (folder / "rows.yaml").write_text("source: {kind: dlt, resource: 'told_rows:rows'}\n")
    call("new", "raw.a", "--source", "rows.yaml")
    mode = next(line for line in (folder / "tables" / "a.yaml").read_text().splitlines() if "mode:" in line)
    assert "full_refresh" in mode
    assert "DECIDE: does the resource remember" in mode


def test_the_next_command_has_the_options_that_were_typed(folder: Path) -> None:
    (folder / "it's.csv").write_bytes("id|at\n1|é\n".encode("cp1252"))
    options = ("--delimiter", "|", "--encoding", "cp1252", "--timezone", "Asia/Seoul")
    told = call("peek", "it's.csv", *options).rpartition("next: ")[2].strip()
    assert shlex.split(told) == ["headgate", "new", "it_s", "--source", "it's.csv", *options]
    call(*shlex.split(told)[1:])


def test_what_is_compressed_or_encoded_is_read(folder: Path) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    (folder / "b.csv").write_bytes("id,name\n1,Größe\n".encode("cp1252"))
    assert json.loads(call("peek", "a.csv.gz", "--json"))["records"] == 2
    assert "Größe" in call("peek", "b.csv", "--encoding", "cp1252")


def test_only_some_records_of_a_long_source_are_read(folder: Path) -> None:
    (folder / "long.csv").write_text("id,text\n" + "".join(f"{n},{'x' * 500}\n" for n in range(30_000)))
    told = json.loads(call("peek", "long.csv", "--rows", "10", "--json"))
    assert told["whole"] is False
    assert 10 <= told["records"] < 30_000
    assert json.loads(call("peek", "long.csv", "--rows", "0", "--json"))["records"] == 30_000


FAULTS: dict[str, tuple[bytes, tuple[str, ...], str, str]] = {
    "empty": (b"", (), "EMPTY-SOURCE", "not even a header"),
    "only a header": (b"a,b\n", (), "EMPTY-SOURCE", "no record"),
    "an empty list": (b"[]", (), "EMPTY-SOURCE", "no records"),
    "records with a key twice": (
        b'[{"x": 1, "x": 2}]',
        (),
        "EMPTY-SOURCE",
        "no records that can be read (KEY-TWICE 1)",
    ),
    "a name twice": (b"a,b,a\n1,2,3\n", (), "HEADER", "'a'"),
    "another encoding": ("a,b\n1,é\n2,é\n".encode("latin-1"), (), "ENCODING", "isn't UTF-8"),
    "header of another encoding": ("é,b\n1,2\n".encode("latin-1"), (), "BAD-HEADER", "can't be read as a header"),
    "not JSON": (b"[{]", (), "NOT-JSON", "isn't JSON"),
    "two lists": (b'{"a": [{"x": 1}], "b": {"c": [{"y": 1}]}}', (), "NOT-RECORDS", "a, b.c"),
    "window without place": (b"a\n1\n", ("--window", "2024-01-01"), "SOURCE", "{window.start"),
    "query on a file": (b"a\n1\n", ("--query", "SELECT 1"), "SOURCE", "belong to a database"),
    "no such zone": (b"a\n1\n", ("--timezone", "Mars"), "SOURCE", "isn't a time zone"),
    "a delimiter of two": (b"a\n1\n", ("--delimiter", "::"), "SOURCE", "can't be a delimiter"),
}


@pytest.mark.parametrize(("content", "options", "code", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_what_can_not_be_looked_at_is_told(
    folder: Path, content: bytes, options: tuple[str, ...], code: str, words: str
) -> None:
    (folder / "source").write_bytes(content)
    error = failure("peek", "source", *options)
    assert (error.code, words in error.message) == (code, True), error
    assert error.next_command


@pytest.mark.parametrize(("source", "code"), [
    ("absent.csv", "SOURCE"), ("http://127.0.0.1:9/a.csv", "SOURCE-UNREACHABLE"),
    ("connection:nobody/a.csv", "NO-CONNECTION"), ("ftp://example.com/a.csv", "SOURCE"),
])  # fmt: skip
def test_where_nothing_is(source: str, code: str) -> None:
    assert failure("peek", source).code == code


def test_a_secret_in_an_address_is_not_written(folder: Path, web: Any) -> None:
    address = web.put("/a.csv?token=s3cret", TEXT)
    error = failure("new", "people", "--source", address)
    assert error.code == "SECRET-IN-ADDRESS"
    assert "s3cret" not in str(error)
    assert not list((folder / "tables").iterdir())
    assert "s3cret" not in call("peek", address).partition("next:")[0]


def test_a_connection_gives_the_host_and_the_draft_names_it(
    folder: Path, web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.put("/in/people.csv", TEXT)
    monkeypatch.setenv("HEADGATE_CONNECTION_FILES", web.base)
    call("new", "raw.people", "--source", "connection:files/in/people.csv", "--owner", "data@example.com")
    text = (folder / "tables" / "people.yaml").read_text()
    assert "  connection: files\n  url: /in/people.csv\n" in text.replace('"', "")
    assert call("check").startswith("note HEADGATE") or "no mistakes" in call("check")


def test_nothing_is_drafted_into_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    from deployments.project import SHOP

    monkeypatch.setenv("HEADGATE_PROJECT", str(SHOP))
    assert failure("new", "x", "--source", "a.csv").code == "NO-PROJECT"


def test_a_name_that_can_not_be_a_table_is_told_as_such(folder: Path) -> None:
    (folder / "a.csv").write_text(TEXT)
    for name, fit in (("Raw.People", "raw.people"), ("raw.the people", "raw.the_people")):
        error = failure("new", name, "--source", "a.csv")
        assert error.family == "declaration"
        # No file was written, so none is named.
        assert error.message.startswith(f"'{name}' must be schema.table")
        assert error.next_command == f"headgate new {fit} --source SOURCE"


def test_few_records_and_absent_days_still_make_a_sound_draft(folder: Path) -> None:
    (folder / "a-2024-01-01.csv").write_text("id,at\n1,2024-01-01\n")
    call("new", "a", "--source", "a-{window.start:%Y-%m-%d}.csv", "--window", "2024-01-01", "--to", "2024-01-03")
    assert "expectations: []" in (folder / "suites" / "a.yaml").read_text()
    assert "no mistakes" in call("check")
