"""JSON that could only be read by a guess: the record is set aside as it came, or the source is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError
from expectations.contract.split import Reject, split, with_rejects
from tasks.objects.store import open_store

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from tasks.sources.opening import OpenSource

COLUMNS = ({"name": "id", "type": "integer"}, {"name": "v", "type": "varchar(9999)"})
Source = Callable[..., "OpenSource"]


def opened(source: Source, folder: Path, body: str | bytes, name: str = "a.json", **keys: Any) -> OpenSource:
    (folder / name).write_bytes(body.encode() if isinstance(body, str) else body)
    return source({"kind": "json", "url": f"file://{folder}/{name}", **keys}, columns=COLUMNS)


DOUBTFUL = {
    "a key twice": ('{"id": 1, "v": "a", "v": "b"}', "KEY-TWICE", '{"id":1,"v":"a","v":"b"}'),
    "a key twice, the same": ('{"id": 1, "id": 1}', "KEY-TWICE", '{"id":1,"id":1}'),
    "a key twice below": ('{"id": 1, "v": [{"k": {"x": 1.0, "x": 2}}]}', "KEY-TWICE", '{"id":1,"v":[{"k":{"x":1.0,"x":2}}]}'),
    "NaN below": ('{"id": 1, "v": {"n": NaN}}', "NOT-JSON-VALUE", '{"id":1,"v":{"n":NaN}}'),
    "Infinity below": ('{"id": 1, "v": [[-Infinity]]}', "NOT-JSON-VALUE", '{"id":1,"v":[[-Infinity]]}'),
    "half a character in a value": ('{"id": 1, "v": "\\ud83d"}', "HALF-CHARACTER", '{"id":1,"v":"\\ud83d"}'),
    "half a character below": ('{"id": 1, "v": ["\\udc00"]}', "HALF-CHARACTER", '{"id":1,"v":["\\udc00"]}'),
    "half a character in a key": ('{"id": 1, "\\ud800": 1}', "HALF-CHARACTER", '{"id":1,"\\ud800":1}'),
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(("record", "code", "raw"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_a_record_in_doubt_is_set_aside(
    source: Source, tmp_path: Path, record: str, code: str, raw: str, name: str
) -> None:
    good = ['{"id": 0, "v": "x"}', '{"id": 2, "v": "z"}']
    records = [good[0], record, good[1]]
    body = "\n".join(records) if name.endswith("l") else f"[{','.join(records)}]"
    reader = opened(source, tmp_path, body, name)
    assert b"".join(reader.chunks()) == b'"id","v"\n0,"x"\n2,"z"\n'
    assert reader.set_aside == [Reject(1, code, (record if name.endswith("l") else raw).encode())]


@pytest.mark.parametrize("body", [
    '{"data": [{"id": 1}], "data": [{"id": 2}]}', '{"next": null, "data": [{"id": 1}], "next": "b"}',
])  # fmt: skip
def test_a_key_twice_around_the_records_refuses_the_source(source: Source, tmp_path: Path, body: str) -> None:
    with pytest.raises(HeadgateError, match="stands twice") as caught:
        list(opened(source, tmp_path, body, records="data", next="next").chunks())
    assert caught.value.code == "NOT-JSON"


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("levels", [1, 330, 500, 600])
def test_nested_values_are_read_to_the_limit(source: Source, tmp_path: Path, levels: int, name: str) -> None:
    value = "[" * levels + "]" * levels
    record = f'{{"id": 1, "v": {value}}}'
    reader = opened(source, tmp_path, f"{record}\n" if name.endswith("l") else f"[{record}]", name)
    assert b"".join(reader.chunks()) == f'"id","v"\n1,"{value}"\n'.encode()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("levels", [601, 900, 1_000, 100_000])
def test_deeper_is_told(source: Source, tmp_path: Path, levels: int, name: str) -> None:
    record = f'{{"id": 1, "v": {"[" * levels + "]" * levels}}}'
    with pytest.raises(HeadgateError, match="nested too deeply") as caught:
        list(opened(source, tmp_path, f"{record}\n" if name.endswith("l") else f"[{record}]", name).chunks())
    assert caught.value.code == "NOT-JSON"


def test_lines_are_records_whatever_their_ends(source: Source, tmp_path: Path) -> None:
    body = '\ufeff{"id": 1, "v": 1.10}\r\n\n  {"v": 12345678901234567890123, "id": 2}\n{"id": 3'
    reader = opened(source, tmp_path, body, format="lines")
    assert b"".join(reader.chunks()) == b'"id","v"\n1,1.10\n2,12345678901234567890123\n'
    assert reader.set_aside == [Reject(2, "NOT-JSON-LINE", b'{"id": 3')]


@pytest.mark.parametrize(("body", "words"), [
    ('[{"id": 1},\n{"id": 2}]', "isn't JSON lines"), ("id,v\n1,2\n", "isn't JSON lines"),
])  # fmt: skip
def test_what_is_no_lines_at_all_is_told(source: Source, tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(HeadgateError, match=words) as caught:
        list(opened(source, tmp_path, body, "a.ndjson").chunks())
    assert caught.value.code == "NOT-JSON"


def test_lines_read_as_a_document_are_told(source: Source, tmp_path: Path) -> None:
    with pytest.raises(HeadgateError, match="format: lines"):
        list(opened(source, tmp_path, '{"id": 1}\n{"id": 2}\n').chunks())


@pytest.mark.parametrize(
    ("name", "keys"), [("a.json.gz", {}), ("a.json", {"compression": "gzip"}), ("a.ndjson.gz", {})]
)
def test_packed_json_is_read(source: Source, tmp_path: Path, name: str, keys: dict[str, Any]) -> None:
    body = b'{"id": 1}\n' if "nd" in name else b'[{"id": 1}]'
    reader = opened(source, tmp_path, gzip.compress(body), name, **keys)
    assert b"".join(reader.chunks()) == b'"id","v"\n1,\n'


def test_json_in_s3_is_read(clients: StackState, source: Source) -> None:
    base = f"s3://{clients.s3_bucket}/json-test"
    open_store(base).put("a.json", b'[{"id": 1, "v": "x"}]')
    reader = source({"kind": "json", "url": f"{base}/a.json"}, columns=COLUMNS)
    assert b"".join(reader.chunks()) == b'"id","v"\n1,"x"\n'
    with pytest.raises(HeadgateError) as caught:
        list(source({"kind": "json", "url": f"{base}/b.json"}, columns=COLUMNS).chunks())
    assert caught.value.code == "SOURCE-MISSING"


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("aside", [(), (0,), (5,), (0, 1, 2), (3, 4, 9), tuple(range(20)), (2, 11, 12, 13)])
def test_records_set_aside_keep_their_place_among_all(aside: tuple[int, ...], chunk: int) -> None:
    """Some are set aside before they are written as CSV, some (a stray quote) behind it: each keeps its own number."""
    lines = [b'x"y\n' if n % 4 == 1 else f"{n}\n".encode() for n in range(20) if n not in aside]
    data = b"".join(lines)
    chunks = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    rejects = [Reject(n, "ASIDE", str(n).encode()) for n in aside]
    place = 0
    for part in with_rejects(split(chunks, ",", 8), rejects):
        assert part.first_record == place
        known = {reject.record: reject for reject in part.rejects}
        rows = iter(part.data.split(b"\n"))
        for number in range(place, place + part.extracted):
            if number in aside:
                assert known[number].raw == str(number).encode()
            elif number % 4 == 1:
                assert known[number].code == "BAD-QUOTING"
            else:
                assert next(rows) == str(number).encode()
        place += part.extracted
    assert place == 20


def test_numbers_keep_all_their_digits(source: Source, tmp_path: Path) -> None:
    body = json.dumps([{"id": 1, "v": {"n": "@"}}]).replace(
        '"@"', "[0.1000, 1E400, -0, 123456789012345678901234567890]"
    )
    data = b"".join(opened(source, tmp_path, body).chunks())
    assert b"[0.1000,1E400,-0,123456789012345678901234567890]" in data
