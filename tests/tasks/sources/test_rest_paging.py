"""Every way in which an API pages: all records, each once; and pages that don't add up are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.tasks.sources.paged_api import Asked, PagedApi, Said, numbered

Read = Callable[..., bytes]
COLUMNS = ({"name": "id", "type": "integer"}, {"name": "text", "type": "varchar(99)"})
ALL = numbered(25)


def rows(records: list[dict[str, Any]]) -> bytes:
    return b'"id","text"\n' + b"".join(f'{item["id"]},"{item["text"]}"\n'.encode() for item in records)


def by_page(asked: Asked) -> Said:
    page, size = int(asked.query["page"]), int(asked.query.get("per_page", 10))
    found = ALL[(page - 1) * size : page * size]
    return Said({"data": found, "meta": {"total": len(ALL), "more": page * size < len(ALL)}})


def by_page_in_body(asked: Asked) -> Said:
    page, size = asked.json["page"], asked.json["limit"]
    assert asked.json["filter"] == {"kind": "all"}
    return Said({"data": ALL[(page - 1) * size : page * size]})


def by_offset(asked: Asked) -> Said:
    """It gives at most 7 records, whatever it is asked for."""
    start = int(asked.query["offset"])
    return Said({"data": ALL[start : start + min(7, int(asked.query.get("limit", 7)))], "meta": {"total": "25"}})


def by_cursor(asked: Asked) -> Said:
    start = int(asked.query.get("after", 0))
    found = ALL[start : start + 10]
    return Said({"data": found, "meta": {"next": start + 10 if start + 10 < len(ALL) else None}})


def by_last(asked: Asked) -> Said:
    start = int(asked.query.get("starting_after", 0))
    return Said({"data": ALL[start : start + 10], "meta": {"more": start + 10 < len(ALL)}})


def by_offset_in_body(asked: Asked) -> Said:
    start = asked.json["offset"]
    return Said({"data": ALL[start : start + 10], "more": start + 10 < len(ALL)})


def by_cursor_in_body(asked: Asked) -> Said:
    start = int(asked.json.get("after", 0))
    return Said({"data": ALL[start : start + 10], "next": str(start + 10) if start + 10 < len(ALL) else None})


def by_link(asked: Asked) -> Said:
    page = int(asked.query.get("p", 1))
    found = ALL[(page - 1) * 10 : page * 10]
    following = [f'<{asked.path}?p={page + 1}>; rel="next"'] if page * 10 < len(ALL) else []
    return Said({"data": found}, headers={"Link": ", ".join([*following, f'<{asked.path}?p=1>; rel="first"'])})


def by_address(asked: Asked) -> Said:
    page = int(asked.query.get("p", 1))
    following = f"{asked.path}?p={page + 1}&kind={asked.query['kind']}" if page * 10 < len(ALL) else ""
    return Said({"data": ALL[(page - 1) * 10 : page * 10], "links": {"next": following}})


WAYS: dict[str, tuple[Callable[[Asked], Said], dict[str, Any], int]] = {
    "page, until it is empty": (by_page, {"paging": {"kind": "page"}}, 4),
    "page, of a size": (by_page, {"paging": {"kind": "page", "size": 20, "size_param": "per_page"}}, 3),
    "page, until it is short": (by_page, {"paging": {"kind": "page", "size": 10, "size_param": "per_page", "ends": "short"}}, 3),
    "page, short though nothing asks for a size": (by_page, {"paging": {"kind": "page", "size": 10, "ends": "short"}}, 3),
    "page, all on the first": (
        by_page, {"paging": {"kind": "page", "size": 30, "size_param": "per_page", "ends": "short"}}, 2,
    ),
    "page, until the total": (by_page, {"paging": {"kind": "page", "ends": "total"}, "total": "meta.total"}, 3),
    "page, as long as there are more": (by_page, {"paging": {"kind": "page", "more": "meta.more"}}, 3),
    "offset, of an API that gives less": (
        by_offset, {"paging": {"kind": "offset", "size": 20, "size_param": "limit"}, "total": "meta.total"}, 5,
    ),
    "offset, until the total": (by_offset, {"paging": {"kind": "offset", "ends": "total"}, "total": "meta.total"}, 4),
    "offset, until it is short": (by_offset, {"paging": {"kind": "offset", "size": 7, "ends": "short"}}, 4),
    "offset, until it is empty": (by_offset, {"paging": {"kind": "offset", "ends": "empty"}}, 5),
    "offset in the body, as long as there are more": (
        by_offset_in_body, {"method": "POST", "paging": {"kind": "offset", "in": "body", "more": "more"}}, 3,
    ),
    "cursor in the body": (
        by_cursor_in_body, {"method": "POST", "paging": {"kind": "cursor", "in": "body", "param": "after", "path": "next"}}, 3,
    ),
    "cursor in the page": (by_cursor, {"paging": {"kind": "cursor", "param": "after", "path": "meta.next"}}, 3),
    "cursor of the last record": (by_last, {"paging": {"kind": "cursor", "param": "starting_after", "last": "id"}}, 4),
    "cursor of the last record, as long as there are more": (
        by_last, {"paging": {"kind": "cursor", "param": "starting_after", "last": "id", "more": "meta.more"}}, 3,
    ),
    "link": (by_link, {"paging": {"kind": "link"}}, 3),
    "address": (by_address, {"paging": {"kind": "next", "path": "links.next"}, "params": {"kind": "a b"}}, 3),
    "body": (
        by_page_in_body,
        {"method": "POST", "body": {"filter": {"kind": "all"}},
         "paging": {"kind": "page", "in": "body", "size": 10, "size_param": "limit"}}, 4,
    ),
}  # fmt: skip


@pytest.mark.effect(
    "PagePaging.kind",
    "PagePaging.param",
    "PagePaging.in",
    "PagePaging.in=body",
    "PagePaging.in=query",
    "PagePaging.size",
    "PagePaging.size_param",
    "PagePaging.ends",
    "PagePaging.ends=short",
    "PagePaging.ends=total",
    "PagePaging.ends=empty",
    "PagePaging.more",
)
@pytest.mark.effect(
    "OffsetPaging.kind",
    "OffsetPaging.param",
    "OffsetPaging.in",
    "OffsetPaging.in=body",
    "OffsetPaging.in=query",
    "OffsetPaging.size",
    "OffsetPaging.size_param",
    "OffsetPaging.ends",
    "OffsetPaging.ends=short",
    "OffsetPaging.ends=total",
    "OffsetPaging.ends=empty",
    "OffsetPaging.more",
)
@pytest.mark.effect(
    "CursorPaging.kind",
    "CursorPaging.param",
    "CursorPaging.path",
    "CursorPaging.last",
    "CursorPaging.more",
    "CursorPaging.in",
    "CursorPaging.in=body",
    "CursorPaging.in=query",
)
@pytest.mark.effect(
    "LinkPaging.kind",
    "NextPaging.kind",
    "NextPaging.path",
    "RestSource.kind",
    "RestSource.url",
    "RestSource.paging",
    "RestSource.records",
    "RestSource.method",
    "RestSource.method=GET",
    "RestSource.method=POST",
)
@pytest.mark.parametrize(("answer", "keys", "requests"), WAYS.values(), ids=WAYS.keys())
def test_all_records_come_once(
    api: PagedApi, read: Read, answer: Callable[[Asked], Said], keys: dict[str, Any], requests: int
) -> None:
    api.answer = answer
    assert read({"kind": "rest", "url": f"{api.base}/v1", "records": "data", **keys}, columns=COLUMNS) == rows(ALL)
    assert len(api.asked) == requests


@pytest.mark.effect("PagePaging.first")
def test_the_first_page_may_have_another_number(api: PagedApi, read: Read) -> None:
    api.answer = lambda asked: Said(ALL[:1] if asked.query["n"] == "0" else [])
    paging = {"kind": "page", "param": "n", "first": 0}
    assert read({"kind": "rest", "url": api.base, "paging": paging}, columns=COLUMNS) == rows(ALL[:1])


@pytest.mark.effect("OffsetPaging.first")
def test_the_first_offset_may_be_another(api: PagedApi, read: Read) -> None:
    api.answer = lambda asked: Said(ALL[:3] if asked.query["start"] == "1" else [])
    paging = {"kind": "offset", "param": "start", "first": 1}
    assert read({"kind": "rest", "url": api.base, "paging": paging}, columns=COLUMNS) == rows(ALL[:3])
    assert [asked.query["start"] for asked in api.asked] == ["1", "4"]


def test_without_paging_one_page_is_all(api: PagedApi, read: Read) -> None:
    api.answer = lambda _: Said(ALL)
    assert read({"kind": "rest", "url": api.base}, columns=COLUMNS) == rows(ALL)
    assert len(api.asked) == 1


def page_of(records: object, **more: object) -> Callable[[Asked], Said]:
    return lambda _: Said({"data": records, **more})


def changing_total(asked: Asked) -> Said:
    """A page of 10 whatever is asked: a page that repeats is noticed though the document around it differs."""
    return Said({"data": ALL[:10], "page": asked.query.get("page")})


def capped(asked: Asked) -> Said:
    page = int(asked.query["page"])
    return Said({"data": ALL[(page - 1) * 5 : page * 5]})


def missing_from_page_three(asked: Asked) -> Said:
    page = int(asked.query["page"])
    return Said({"data": ALL[(page - 1) * 5 : page * 5]}, 404 if page > 2 else 200)


def growing(asked: Asked) -> Said:
    page = int(asked.query["page"])
    return Said({"data": [{"id": page}]})


PAGE = {"kind": "page"}
WRONG: dict[str, tuple[Callable[[Asked], Said], dict[str, Any], str, str]] = {
    "the parameter isn't known": (changing_total, {"paging": PAGE}, "PAGE-REPEATED", "holds the same 10 records as page 1"),
    "no end": (growing, {"paging": PAGE, "max_pages": 3}, "PAGING", "doesn't end (page 4"),
    "fewer than said": (
        by_page, {"paging": {"kind": "page", "first": 2}, "total": "meta.total"}, "PAGING-TOTAL", "15 records came",
    ),
    "more than said": (
        page_of(ALL[:3], meta={"total": 2}), {"total": "meta.total"}, "PAGING-TOTAL", "3 records came on 1 pages",
    ),
    "the total isn't there": (page_of([]), {"total": "meta.total"}, "PAGING", "meta.total (source.total) isn't a number"),
    "the total is a word": (page_of([], meta={"total": "many"}), {"total": "meta.total"}, "PAGING", "isn't a number"),
    "the total is never reached": (
        by_page, {"paging": {"kind": "page", "first": 2, "ends": "total"}, "total": "meta.total"}, "PAGING-TOTAL", "says 25",
    ),
    "a smaller page than asked for": (
        capped, {"paging": {"kind": "page", "size": 10, "ends": "short"}}, "PAGING", "smaller pages than that",
    ),
    "a page in the middle is gone": (missing_from_page_three, {"paging": PAGE}, "PAGE-MISSING", "page 3 is missing"),
    "more, and nothing there": (
        page_of([], more=True), {"paging": {"kind": "page", "more": "more"}}, "PAGING", "no records, and more says",
    ),
    "more isn't there": (page_of([]), {"paging": {"kind": "page", "more": "more"}}, "PAGING", "isn't true or false"),
    "more is a word": (page_of([], more="no"), {"paging": {"kind": "page", "more": "more"}}, "PAGING", "isn't true or false"),
    "a mark comes again": (
        lambda asked: Said({"data": [{"id": len(asked.query)}], "c": "x"}),
        {"paging": {"kind": "cursor", "param": "after", "path": "c"}}, "PAGING", "goes round",
    ),
    "a mark is an object": (
        page_of([], c={"a": 1}), {"paging": {"kind": "cursor", "param": "after", "path": "c"}}, "PAGING", "isn't a text",
    ),
    "more, and no mark": (
        page_of(ALL[:1], more=True, c=None),
        {"paging": {"kind": "cursor", "param": "after", "path": "c", "more": "more"}}, "PAGING", "holds no mark",
    ),
    "a last record without the mark": (
        page_of([{"text": "a"}]), {"paging": {"kind": "cursor", "param": "after", "last": "id"}}, "PAGING", "holds no mark",
    ),
    "an address comes again": (
        page_of(ALL[:1], n="/v1?p=2"), {"paging": {"kind": "next", "path": "n"}}, "PAGE-REPEATED", "the next page's address",
    ),
    "an address is a number": (page_of(ALL[:1], n=5), {"paging": {"kind": "next", "path": "n"}}, "PAGING", "isn't a text"),
}  # fmt: skip


@pytest.mark.effect("RestSource.total", "RestSource.max_pages")
@pytest.mark.parametrize(("answer", "keys", "code", "words"), WRONG.values(), ids=WRONG.keys())
def test_pages_that_do_not_add_up_are_told_with_their_place(
    api: PagedApi, read: Read, answer: Callable[[Asked], Said], keys: dict[str, Any], code: str, words: str
) -> None:
    api.answer = answer
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "rest", "url": f"{api.base}/v1", "records": "data", **keys}, columns=COLUMNS)
    assert caught.value.code == code
    assert words in caught.value.message
    assert f"{api.base}/v1" in caught.value.message
    assert caught.value.next_command


@pytest.mark.parametrize("named", [
    "file:///etc/hostname", "ftp://127.0.0.1/a", "//localhost/a", "http://169.254.169.254/latest", "gopher:1",
    "http://[::1", "s3://bucket/key", "data:application/json,[]",
])  # fmt: skip
@pytest.mark.parametrize("way", ["link", "next"])
def test_a_page_leads_to_pages_of_its_host_and_to_nothing_else(api: PagedApi, read: Read, named: str, way: str) -> None:
    api.answer = lambda _: Said({"data": ALL[:1], "n": named}, headers={"Link": f'<{named}>; rel="next"'})
    paging = {"kind": "link"} if way == "link" else {"kind": "next", "path": "n"}
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "rest", "url": api.base, "records": "data", "paging": paging}, columns=COLUMNS)
    assert caught.value.code == "SOURCE-ELSEWHERE"
    assert len(api.asked) == 1


@pytest.mark.effect("RestSource.allowed_hosts")
def test_a_host_that_is_declared_may_hold_the_next_page(api: PagedApi, read: Read) -> None:
    """That host gets the question, and no login."""
    there = api.base.replace("127.0.0.1", "localhost") + "/v1?p=2"
    api.answer = lambda asked: Said(
        {"data": ALL[:1] if not asked.query else ALL[1:2], "n": None if asked.query else there}
    )
    source = {"kind": "rest", "url": f"{api.base}/v1", "records": "data", "paging": {"kind": "next", "path": "n"}}
    with pytest.raises(HeadgateError) as caught:
        read(source, columns=COLUMNS)
    assert caught.value.code == "SOURCE-ELSEWHERE"
    assert read(source | {"allowed_hosts": ["localhost"]}, columns=COLUMNS) == rows(ALL[:2])
