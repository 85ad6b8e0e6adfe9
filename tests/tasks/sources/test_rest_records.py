"""Records of an API as rows: nested fields by their paths, lists as rows or as JSON text, and what doesn't fit set aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError
from expectations.contract.split import Reject
from tests.tasks.sources.paged_api import PagedApi, Said

if TYPE_CHECKING:
    from tasks.sources.opening import OpenSource

Source = Callable[..., "OpenSource"]


def columns(*names: str) -> tuple[dict[str, Any], ...]:
    return tuple({"name": name, "type": "varchar(999)"} for name in names)


def read(source: Source, api: PagedApi, records: str, names: tuple[str, ...], **keys: Any) -> tuple[str, list[Reject]]:
    api.answer = lambda _: Said(records.encode())
    reader = source({"kind": "rest", "url": api.base, **keys}, columns=columns(*names))
    return b"".join(reader.chunks()).decode(), list(reader.set_aside)


@pytest.mark.effect("RestSource.fields")
def test_nested_fields_are_read_by_their_paths(api: PagedApi, source: Source) -> None:
    records = """[{"id": 1, "person": {"name": "Ann", "home": {"city": "한글"}}, "tags": ["a", "b"], "new": true},
                  {"id": 2.10, "person": {"name": "", "home": null}, "tags": []}, {"id": 3, "person": null}, {"id": 4}]"""
    fields = {"city": "person.home.city", "name": "person.name", "first": "tags.0", "tags": "tags"}
    text, aside = read(source, api, records, ("id", "name", "city", "first", "tags"), fields=fields)
    assert text == (
        '"id","name","city","first","tags","new"\n1,"Ann","한글","a","[""a"",""b""]",true\n2.10,"",,,"[]",\n3,,,,,\n4,,,,,\n'
    )
    assert aside == []


def test_a_field_goes_before_a_key_of_the_same_name(api: PagedApi, source: Source) -> None:
    text, _ = read(
        source, api, '[{"id": 1, "name": "outer", "p": {"name": "inner"}}]', ("id", "name"), fields={"name": "p.name"}
    )
    assert text == '"id","name"\n1,"inner"\n'


def test_what_stands_in_place_of_an_object_is_set_aside(api: PagedApi, source: Source) -> None:
    records = '[{"id": 1, "p": {"n": "a"}}, {"id": 2, "p": "Ann"}, {"id": 3, "p": [{"n": 1}]}, {"id": 4, "p": false}]'
    text, aside = read(source, api, records, ("id", "n"), fields={"n": "p.n"})
    assert text == '"id","n"\n1,"a"\n'
    assert [(reject.record, reject.code) for reject in aside] == [(n, "NOT-AN-OBJECT") for n in (1, 2, 3)]
    assert aside[0].raw == b'{"id":2,"p":"Ann"}'


def test_a_field_that_was_renamed_is_never_null_in_silence(api: PagedApi, source: Source) -> None:
    with pytest.raises(HeadgateError, match=r"no record has person.email .*'e_mail': renamed") as caught:
        read(source, api, '[{"id": 1, "person": {"e_mail": "a"}}]', ("id", "email"), fields={"email": "person.email"})
    assert caught.value.code == "HEADER"
    text, _ = read(
        source, api, '[{"id": 1, "person": {"name": "a"}}]', ("id", "email"), fields={"email": "person.email"}
    )
    assert text == '"id","email"\n1,\n'


@pytest.mark.effect("RestSource.expand", "Expand.list", "Expand.keep")
def test_a_list_becomes_rows_that_keep_what_is_declared(api: PagedApi, source: Source) -> None:
    records = """[{"id": 1, "by": {"mail": "a"}, "answers": [{"q": {"text": "x"}, "v": 1}, {"q": {"text": "y"}, "v": 2}]},
                  {"id": 2, "by": {"mail": "b"}, "answers": []}, {"id": 3, "answers": null}, {"id": 4},
                  {"id": 5, "by": {"mail": "c"}, "answers": [{"q": null, "v": null}]}]"""
    expand = {"list": "answers", "keep": {"response": "id", "mail": "by.mail"}}
    text, aside = read(
        source, api, records, ("response", "mail", "question", "v"), expand=expand, fields={"question": "q.text"}
    )
    assert text == '"response","mail","question","v"\n1,"a","x",1\n1,"a","y",2\n5,"c",,\n'
    assert aside == []


def test_items_that_are_no_objects_are_values(api: PagedApi, source: Source) -> None:
    expand = {"list": "d.tags", "keep": {"id": "id"}}
    text, _ = read(source, api, '[{"id": 1, "d": {"tags": ["a", 1.50, null, [2]]}}]', ("id", "value"), expand=expand)
    assert text == '"id","value"\n1,"a"\n1,1.50\n1,\n1,"[2]"\n'


def test_a_record_whose_list_is_none_is_set_aside_as_a_whole(api: PagedApi, source: Source) -> None:
    records = '[{"id": 1, "a": "x"}, {"id": 2, "a": [{"p": {"n": 1}}, {"p": 5}]}, {"id": 3, "a": [{"p": {"n": 2}}]}]'
    text, aside = read(
        source, api, records, ("id", "n"), expand={"list": "a", "keep": {"id": "id"}}, fields={"n": "p.n"}
    )
    assert text == '"id","n"\n3,2\n'
    assert [(reject.code, reject.raw) for reject in aside] == [
        ("NOT-A-LIST", b'{"id":1,"a":"x"}'), ("NOT-AN-OBJECT", b'{"id":2,"a":[{"p":{"n":1}},{"p":5}]}'),
    ]  # fmt: skip
