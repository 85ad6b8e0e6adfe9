"""JSON records from a real web server: pages, spellings that are kept, and every way in which pages can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError

if TYPE_CHECKING:
    from tests.conftest import Web

Read = Callable[..., bytes]
COLUMNS = ({"name": "id", "type": "integer"}, {"name": "text", "type": "varchar(99)"})
PAGED = {"kind": "json", "records": "data", "next": "paging.next"}


def page(web: Web, path: str, records: list[dict[str, Any]], following: str | None = None) -> str:
    return web.put(path, json.dumps({"data": records, "paging": {"next": following}}))


def test_pages_are_followed_until_none_is_named(web: Web, read: Read) -> None:
    page(web, "/c", [{"id": 3, "text": "c"}])
    page(web, "/b?page=2", [{"id": 2, "text": "b"}], f"{web.base}/c")
    page(web, "/empty", [], "b?page=2")
    url = page(web, "/a", [{"id": 1, "text": "a"}], "/empty")
    assert read(PAGED | {"url": url}, columns=COLUMNS) == b'"id","text"\n1,"a"\n2,"b"\n3,"c"\n'


@pytest.mark.parametrize(("written", "field"), [
    ("1", "1"), ("1.10", "1.10"), ("1e5", "1e5"), ("-0", "-0"), ("12345678901234567890123", "12345678901234567890123"),

    ("0.10000000000000000555", "0.10000000000000000555"), ("null", ""), ('""', '""'), ('"null"', '"null"'),
    ('"a,\\"b\\"\\n"', '"a,""b""\n"'), ('"\\ud55c\\uae00"', '"한글"'), ('"😀"', '"😀"'), ("true", "true"), ("false", "false"),
    ('{"a": [1.50, null, "é"]}', '"{""a"":[1.50,null,""é""]}"'), ("[]", '"[]"'),
    ("NaN", "NaN"), ('" "', '" "'), ('"\\r"', '"\r"'),
])  # fmt: skip
def test_values_keep_their_spelling(web: Web, read: Read, written: str, field: str) -> None:
    url = web.put("/a", f'[{{"id": 1, "text": {written}}}]')
    assert read({"kind": "json", "url": url}, columns=COLUMNS) == f'"id","text"\n1,{field}\n'.encode()


def test_a_key_that_some_records_lack_is_null_there(web: Web, read: Read) -> None:
    url = web.put("/a", '[{"id": 1}, {"text": "b", "more": 5, "id": 2}]')
    assert read({"kind": "json", "url": url}, columns=COLUMNS) == b'"id","text","more"\n1,,\n2,"b",5\n'


def test_a_nullable_column_that_no_record_has_is_null(web: Web, read: Read) -> None:
    assert read({"kind": "json", "url": web.put("/a", '[{"id": 1}]')}, columns=COLUMNS) == b'"id","text"\n1,\n'


@pytest.mark.parametrize(("record", "words"), [
    ('{"id": 1}', "no record has the column 'text'"),
    ('{"id": 1, "texts": "b"}', "found 'texts': renamed"),
])  # fmt: skip
def test_a_column_that_no_record_has_is_an_error_where_it_must_have_values(
    web: Web, read: Read, record: str, words: str
) -> None:
    strict = (COLUMNS[0], COLUMNS[1] | {"nullable": False})
    with pytest.raises(HeadgateError, match=words) as caught:
        read({"kind": "json", "url": web.put("/a", f"[{record}]")}, columns=strict)
    assert caught.value.code == "HEADER"


def test_a_nullable_column_that_was_renamed_is_never_null_in_silence(web: Web, read: Read) -> None:
    with pytest.raises(HeadgateError, match="renamed"):
        read({"kind": "json", "url": web.put("/a", '[{"id": 1, "texts": "b"}]')}, columns=COLUMNS)


@pytest.mark.parametrize(
    "body", ['{"data": []}', '{"data": [], "paging": null}', '{"data": [], "paging": {"next": ""}}']
)
def test_no_records_are_a_header_alone(web: Web, read: Read, body: str) -> None:
    assert read(PAGED | {"url": web.put("/a", body)}, columns=COLUMNS) == b'"id","text"\n'


def test_a_new_key_on_a_later_page_is_passed_over_unless_it_is_the_contracts(web: Web, read: Read) -> None:
    page(web, "/b", [{"id": 2, "text": "b", "more": 1}])
    url = page(web, "/a", [{"id": 1, "text": "a"}], "/b")
    assert read(PAGED | {"url": url}, columns=COLUMNS) == b'"id","text"\n1,"a"\n2,"b"\n'
    url = page(web, "/a", [{"id": 1}], "/b")
    assert read(PAGED | {"url": url}, columns=COLUMNS) == b'"id","text"\n1,\n2,"b"\n'


def test_the_first_page_may_be_empty(web: Web, read: Read) -> None:
    """A page without records says nothing of columns: the header comes from the first page that has some."""
    page(web, "/b", [{"id": 2}])
    url = page(web, "/a", [], "/b")
    assert read(PAGED | {"url": url}, columns=COLUMNS) == b'"id","text"\n2,\n'


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("{", {}, "NOT-JSON"), ("<html>", {}, "NOT-TEXT"), ("", {}, "NOT-JSON"), ('[{"id": 1}] x', {}, "NOT-JSON"),
    ('{"id": 1}', {}, "NOT-RECORDS"), ("[1, 2]", {}, "NOT-RECORDS"), ("null", {}, "NOT-RECORDS"), ('"text"', {}, "NOT-RECORDS"),
    ('{"rows": []}', {"records": "data"}, "NOT-RECORDS"), ('{"data": {"id": 1}}', {"records": "data"}, "NOT-RECORDS"),
    ('{"data": [], "next": "/a"}', {"records": "data", "next": "next"}, "PAGING"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "keys", "code"), FAULTS)
def test_what_is_not_pages_of_records_is_told(web: Web, read: Read, body: str, keys: dict[str, Any], code: str) -> None:
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "json", "url": web.put("/a", body)} | keys, columns=COLUMNS)
    assert caught.value.code == code
    assert web.base in str(caught.value)


def test_bytes_that_are_not_utf8_are_told(web: Web, read: Read) -> None:
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "json", "url": web.put("/a", b'[{"id": "Jos\xe9"}]')}, columns=COLUMNS)
    assert caught.value.code == "NOT-JSON"


def test_endless_paging_stops_at_its_limit(web: Web, read: Read) -> None:
    for number in range(6):
        page(web, f"/{number}", [{"id": number}], f"/{number + 1}")
    with pytest.raises(HeadgateError, match=r"paging doesn't end \(page 4\)"):
        read(PAGED | {"url": f"{web.base}/0", "max_pages": 3}, columns=COLUMNS)
    assert len(web.asked) == 3


def test_the_login_goes_along_to_the_same_host_only(web: Web, read: Read) -> None:
    elsewhere = web.base.replace("127.0.0.1", "localhost")
    page(web, "/c", [{"id": 3}], f"{web.base}/d")
    page(web, "/d?token=t", [{"id": 4}])
    page(web, "/b?token=t", [{"id": 2}], f"{elsewhere}/c")
    page(web, "/v2/a?token=t", [{"id": 1}], f"{web.base}/b")
    base = web.base.replace("http://", "http://me:hidden@") + "/v2?token=t"
    source = PAGED | {"url": "/a", "connection": "api"}
    with pytest.raises(HeadgateError, match=r"the next page leads to another host, localhost") as caught:
        read(source, api=base)
    assert caught.value.next_command == "if that host is the source's as well: source.allowed_hosts: [localhost]"
    web.asked.clear()
    read(source | {"allowed_hosts": ["localhost"]}, api=base)
    assert [(path, "Authorization" in headers) for _, path, headers in web.asked] == [
        ("/v2/a?token=t", True), ("/b?token=t", True), ("/c", False), ("/d?token=t", True)]  # fmt: skip


@pytest.mark.parametrize("named", [
    "file:///etc/hostname", "ftp://127.0.0.1/a", "//localhost/a", "http://169.254.169.254/latest", "gopher:1",
    "http://[::1", "s3://bucket/key", "data:application/json,[]",
])  # fmt: skip
def test_a_page_leads_to_pages_of_its_host_and_to_nothing_else(web: Web, read: Read, named: str) -> None:
    url = page(web, "/a", [{"id": 1}], named)
    with pytest.raises(HeadgateError) as caught:
        read(PAGED | {"url": url}, columns=COLUMNS)
    assert caught.value.code == "SOURCE-ELSEWHERE"
    assert [path for _, path, _ in web.asked] == ["/a"]


def test_a_file_leads_to_files_of_its_folder(tmp_path: Path, read: Read) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.json").write_text('{"data": [{"id": 9}]}')
    (tmp_path / "in" / "a.json").write_text('{"data": [{"id": 1}], "paging": {"next": "b.json"}}')
    (tmp_path / "in" / "b.json").write_text('{"data": [{"id": 2}]}')
    assert read(PAGED | {"url": f"file://{tmp_path}/in/a.json"}) == b'"id"\n1\n2\n'
    for named in ("../secret.json", f"file://{tmp_path}/secret.json", "http://127.0.0.1:1/x"):
        (tmp_path / "in" / "a.json").write_text(json.dumps({"data": [{"id": 1}], "paging": {"next": named}}))
        with pytest.raises(HeadgateError) as caught:
            read(PAGED | {"url": f"file://{tmp_path}/in/a.json"})
        assert caught.value.code == "SOURCE-ELSEWHERE"


def test_a_failure_on_a_later_page_is_a_failure(web: Web, read: Read) -> None:
    url = page(web, "/a", [{"id": 1}], "/gone")
    with pytest.raises(HeadgateError) as caught:
        read(PAGED | {"url": url}, columns=COLUMNS)
    assert caught.value.code == "PAGE-MISSING"


def test_from_a_file(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a b.json").write_text('[{"id": 1}]')
    assert read({"kind": "json", "url": f"file://{tmp_path}/a%20b.json"}) == b'"id"\n1\n'
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "json", "url": f"file://{tmp_path}/b.json"})
    assert caught.value.code == "SOURCE-MISSING"
