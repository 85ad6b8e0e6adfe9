"""Whole commands on made-up sources and spoiled declarations. Whatever comes: a documented exit code, who must act, a place, a
next command that can be typed, every row accounted for, and each value byte for byte in the live table or set aside.

Seeded, so that a failure comes again: the seed is in the test's name. HEADGATE_TEST_FUZZ says how many seeds (`make fuzz`).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg2
import pytest

from flows.cli import cli

if TYPE_CHECKING:
    from tests.flows.cli.conftest import Told

Call = Callable[..., "Told"]
Row = dict[str, str | None]
SEEDS = int(os.environ.get("HEADGATE_TEST_FUZZ", "8"))
DOCUMENTED = (0, 1, 2, 3)
FAMILIES = {"code", "declaration", "upstream", "retryable"}
TEXTS = ["", "a", "NULL", "\\N", "\\.", "a,b", 'say "x"', '"', "two\nlines", "cr\rhere", "crlf\r\n", " edge ", "\t", "é",
         "한글", "😀",
         "\ufeffmark", "\x1b[8m", "\u202egpj", "nul\0", "x" * 300, "' OR 1=1 --", "{window.start}", "%s", "id", "a;b|c", "\u2028",
         "\x85", "NaN", "0012", "=cmd()", "</script>"]  # fmt: skip
NUMBERS = [
    "1",
    "-0",
    "0.000",
    "12.345",
    "1.2345",
    "1e5",
    "1,5",
    "NaN",
    " 5",
    "",
    "1_000",
    "99999999999",
    "-.5",
    "+1",
    "٣",
    "0x10",
]
NUMBER = re.compile(r"-?([0-9]+(\.[0-9]{1,3})?|\.[0-9]{1,3})")
TABLE = """\
table: raw.fuzz
description: Made up.
owner: data@example.com
source: {source}
columns:
  - {{name: id, type: bigint, nullable: false}}
  - {{name: v, type: varchar(200)}}
  - {{name: n, type: "decimal(12,3)"}}
load: {{mode: full_refresh, tolerance: 100%, shrink_guard: 100%}}
"""


@pytest.fixture
def ask() -> Callable[[str], list[tuple[Any, ...]]]:
    def asked(statement: str) -> list[tuple[Any, ...]]:
        with (
            closing(psycopg2.connect(os.environ["HEADGATE_WAREHOUSE_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return list(cursor.fetchall())

    return asked


def rows_of(chance: random.Random) -> list[Row]:
    """A plain row first: nothing may empty a table."""
    count = chance.choice([0, 1, 2, 7, 40])
    return [{"id": "0", "v": "kept", "n": "1"}] + [
        {"id": str(number), "v": chance.choice([None, *TEXTS]), "n": chance.choice([None, *NUMBERS])}
        for number in range(1, count + 1)
    ]


def as_csv(rows: list[Row], chance: random.Random) -> tuple[str, bytes, dict[str, Any]]:
    delimiter, end = chance.choice(",;\t|"), chance.choice(["\n", "\r\n"])
    names = ["id", "v", "n", *chance.sample(["more", "wide name"], chance.randint(0, 2))]
    chance.shuffle(names)

    def field(value: str | None) -> str:
        return "" if value is None else '"' + value.replace('"', '""') + '"'

    lines = [delimiter.join(names), *(delimiter.join(field(row.get(name)) for name in names) for row in rows)]
    text = end.join(lines) + chance.choice(["", end])
    encoding = chance.choice(["utf-8", "utf-8", "utf-16", "utf-8-sig"])
    data, name, packing = text.encode(encoding), "a.csv", chance.choice(["none", "none", "gzip"])
    if packing == "gzip":
        data, name = gzip.compress(data), "a.csv.gz"
    keys = {"kind": "csv", "delimiter": delimiter, "encoding": encoding.removesuffix("-sig")}
    return name, data, keys


def as_json(rows: list[Row], chance: random.Random) -> tuple[str, bytes, dict[str, Any]]:
    records = [
        {name: value for name, value in row.items() if value is not None or chance.random() < 0.5} for row in rows
    ]
    lines = chance.random() < 0.5
    plain = chance.random() < 0.5
    texts = [json.dumps(record, ensure_ascii=plain) for record in records]
    body = ("\n".join(texts) if lines else f"[{','.join(texts)}]").encode()
    name = "a.jsonl" if lines else "a.json"
    if chance.random() < 0.3:
        return f"{name}.gz", gzip.compress(body), {"kind": "json"}
    return name, body, {"kind": "json"}


def declare(folder: Path, name: str, data: bytes, keys: dict[str, Any]) -> None:
    (folder / name).write_bytes(data)
    source = json.dumps(keys | {"url": f"file://{folder}/{name}"})
    (folder / "tables" / "fuzz.yaml").write_text(TABLE.format(source=source))


def check_told(told: Told) -> None:
    """The part of the oracle that holds for every command."""
    assert told.code in DOCUMENTED, told
    assert "internal error" not in told.err, told
    assert "Traceback" not in told.err, told
    for text in re.findall(r"next: (headgate .*)", told.err + told.out):
        can_be_typed(text)


def can_be_typed(text: str) -> None:
    words = shlex.split(re.split(r"\s{2,}|\s*\(|;|&&| and ", text)[0].replace("...", "x"))[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="headgate")
    while isinstance(command, click.Group) and words:
        following = command.get_command(context, words[0])
        assert following is not None, text
        command, words = following, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    if not isinstance(command, click.Group):
        command.make_context(command.name or "", words)


def run_of(call: Call) -> dict[str, Any]:
    """The record of a run of the table, or {} when it wasn't begun; its accounting and its failure are looked at."""
    told = call("run", "raw.fuzz", "--json")
    check_told(told)
    outcome = json.loads(told.out) if told.out.startswith("{") else {"runs": [], "failures": []}
    for failure in outcome["failures"]:
        error = failure["error"]
        assert error["family"] in FAMILIES - {"code"}, error
        assert error["code"], error
        assert re.search(r"raw\.fuzz|file://|fuzz\.yaml", error["message"]), error
        assert error["next_command"], error
        if error["next_command"].startswith("headgate"):
            can_be_typed(error["next_command"])
    record: dict[str, Any] = outcome["runs"][-1] if outcome["runs"] else {}
    counts = record.get("counts") or {}
    if record.get("status") in ("published", "warned"):
        assert counts["extracted"] == counts["published"] + counts["quarantined"] + counts["superseded"], counts
    return record


def expected(row: Row) -> tuple[str | None, Decimal | None] | None:
    """What of a row must be in the live table; None where it must be set aside."""
    v, n = row["v"], row["n"]
    if v is not None and ("\0" in v or len(v.encode()) > 200):
        return None
    if n is not None and (NUMBER.fullmatch(n) is None or abs(Decimal(n)) >= 10**9):
        return None
    return v, None if n is None else Decimal(n)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_value_is_in_the_live_table_or_set_aside(
    call: Call, ask: Callable[[str], list[tuple[Any, ...]]], folder: Path, seed: int
) -> None:
    chance = random.Random(seed)
    rows = rows_of(chance)
    name, data, keys = chance.choice([as_csv, as_json])(rows, chance)
    declare(folder, name, data, keys)
    record = run_of(call)
    wanted = {int(row["id"] or 0): expected(row) for row in rows}
    good = {number: values for number, values in wanted.items() if values is not None}
    assert record["status"] in ("published", "warned", "unchanged"), record
    assert record["counts"]["extracted"] == len(rows), record["counts"]
    assert {id: (v, n) for id, v, n in ask("SELECT id, v, n FROM raw.fuzz")} == good
    assert record["counts"]["quarantined"] == len(rows) - len(good)


SPOILERS: list[Callable[[bytes, random.Random], bytes]] = [
    lambda data, chance: data[: chance.randrange(len(data) + 1)],
    lambda data, chance: data + bytes(chance.randrange(256) for _ in range(9)),
    lambda data, chance: data + data,
    lambda data, chance: b"",
    lambda data, chance: data.replace(b"\n", b"\r"),
    lambda data, chance: gzip.compress(data),
    lambda data, chance: b"\xff\xfe" + data,
    lambda data, chance: b"<html>" + data,
    lambda data, chance: data.replace(b'"', b"'"),
    lambda data, chance: data.replace(b"v", b"\x1b[8mv\n  next: sh", 1),
    lambda data, chance: data.replace(b'"v"', b'"id"', 1),
    lambda data, chance: data.replace(b"1", b"[" * 3000, 1),
    lambda data, chance: bytes(byte if chance.random() > 0.02 else chance.randrange(256) for byte in data),
]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_spoiled_source_is_told(call: Call, folder: Path, seed: int) -> None:
    chance = random.Random(f"spoiled {seed}")
    rows = rows_of(chance)
    name, data, keys = chance.choice([as_csv, as_json])(rows, chance)
    spoiler = SPOILERS[seed % len(SPOILERS)]
    data = spoiler(data, chance)
    declare(folder, name, data, keys)
    run_of(call)
    for command in (("peek", f"{folder}/{name}"), ("check",)):
        told = call(*command)
        check_told(told)
        assert "\x1b[8m" not in told.err + told.out


VALUES = ["", "null", "-1", "1e99", "[]", "{}", "[[[]]]", "'", '"', "*a", "&a x", "!!python/object:os.system x", "2026-02-30",
          "\x07", "a: b: c", "~", "yes", "{a: {b: c}}", "|", "- x", "x" * 5000, "${HOME}", "\ud7ff"]  # fmt: skip


def spoiled_texts(chance: random.Random, text: str) -> Iterator[str]:
    lines = text.splitlines()
    place = chance.randrange(len(lines))
    yield "\n".join(line for number, line in enumerate(lines) if number != place)
    yield "\n".join([*lines[:place], lines[place], *lines[place:]])
    yield re.sub(
        r"(: )([^,}\n{\[]+)",
        lambda match: match[1] + chance.choice(VALUES) if chance.random() < 0.2 else match[0],
        text,
    )
    yield re.sub(r"\b([a-z_]+):", lambda match: f"{match[1][:-1]}x:" if chance.random() < 0.15 else match[0], text)
    cut = chance.randrange(len(text))
    yield text[:cut]
    yield text[:cut] + chance.choice(VALUES) + text[cut:]
    yield text[:cut] + chr(chance.choice([0, 9, 34, 39, 58, 91, 123, 0x85, 0x202E])) + text[cut + 1 :]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_spoiled_declaration_is_told(call: Call, folder: Path, seed: int) -> None:
    chance = random.Random(f"declared {seed}")
    file = folder / "tables" / "fuzz.yaml"
    text = TABLE.format(source=json.dumps({"kind": "csv", "url": f"file://{folder}/items.csv"}))
    extra = [
        "key: [id]\n",
        "schedule: {cron: '0 2 * * *'}\n",
        "pii: {v: hide}\n",
        "sla: [{for: x, fresh_by: '06:00'}]\n",
    ]
    for spoiled in spoiled_texts(chance, text + "".join(chance.sample(extra, 2))):
        file.write_bytes(spoiled.encode("utf-8", "surrogatepass"))
        told = call("check")
        assert told.code in (0, 2), (told, spoiled)
        check_told(told)
        if told.code == 2:
            assert "fuzz.yaml" in told.err, (told, spoiled)
    file.unlink()


def test_a_header_of_many_forms_is_what_python_reads() -> None:
    """The fuzz writes CSV by its own hand: it must be CSV."""
    chance = random.Random(1)
    for _ in range(50):
        name, data, keys = as_csv(rows_of(chance), chance)
        text = (gzip.decompress(data) if name.endswith("gz") else data).decode(keys["encoding"]).removeprefix("\ufeff")
        fields = {len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=keys["delimiter"])}
        assert len(fields) == 1
