"""The declaration of an API: what goes together, and every mistake told with its key and what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployments.declarations.problems import Problem

Check = Callable[..., list[Problem]]
CSV = "  kind: csv\n  url: http://files.example.com/orders/{window.start:%Y-%m-%d}.csv\n"
SINCE = "  params: {since: '{window.start:epoch}', until: '{window.end:epoch}'}\n"
WINDOW = 'window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}\nschedule: {cron: "0 2 * * *"}\n'
MODE = "  mode: replace_window\n  window_column: ordered_at"
REST = "  kind: rest\n  connection: survey\n  url: /responses.json\n" + SINCE

SOUND = [
    "", "  auth: {kind: bearer}\n", "  auth: {kind: header, name: X-Api-Key, prefix: 'Token '}\n",
    "  auth: {kind: query, name: api_key}\n", "  auth: {kind: oauth2, connection: login, scope: read, client_in: body}\n",
    "  paging: {kind: page}\n  max_pages: 5\n", "  paging: {kind: page, size: 100, size_param: per_page, ends: short}\n",
    "  paging: {kind: offset, ends: total}\n  total: meta.total\n", "  paging: {kind: cursor, param: after, last: id}\n",
    "  paging: {kind: link}\n", "  paging: {kind: next, path: next}\n",
    "  method: POST\n  body: {a: {b: ['{window.start}']}}\n  paging: {kind: page, in: body}\n",
    "  expand: {list: answers, keep: {id: id}}\n  fields: {amount: a.b}\n", "  timezone: UTC\n",
    "  rate: {requests: 100, per: 1m}\n  retries: 0\n  headers: {X-Version: '2'}\n",
]  # fmt: skip

MISTAKES: list[tuple[str, str, str]] = [
    ("  paging: {kind: pages}\n", "source.paging.kind", "'pages'; allowed: page, offset, cursor, link, next; did you mean"),
    ("  paging: {param: page}\n", "source.paging.kind", "is missing; allowed: page, offset, cursor, link, next"),
    ("  paging: {kind: cursor, param: after}\n", "source.paging", "a cursor needs the place of its mark; allowed: path"),
    ("  paging: {kind: cursor, param: a, path: b, last: c}\n", "source.paging", "a cursor needs the place of its mark"),
    ("  paging: {kind: cursor, path: next}\n", "source.paging.param", "is missing"),
    ("  paging: {kind: next}\n", "source.paging.path", "is missing; allowed: Dotted path"),
    ("  paging: {kind: link, param: page}\n", "source.paging.param", "is not a known key"),
    ("  paging: {kind: page, ends: short}\n", "source.paging", "ends: short needs the size"),
    ("  paging: {kind: page, ends: total}\n", "source.paging.ends", "doesn't say where that number is"),
    ("  paging: {kind: page, ends: empty, more: m}\n", "source.paging", "allowed: one of them"),
    ("  paging: {kind: page, size_param: n}\n", "source.paging", "size_param needs the size"),
    ("  paging: {kind: page, size: 5}\n", "source.paging", "size has an effect only with size_param"),
    ("  paging: {kind: page, in: body}\n", "source.paging.in", "a GET has no body; allowed: method: POST"),
    ("  paging: {kind: page, param: since}\n", "source.paging", "'since' stands in params as well"),
    ("  paging: {kind: page, size: 5, size_param: since}\n", "source.paging", "'since' stands in params as well"),
    ("  method: POST\n  body: {page: 1}\n  paging: {kind: page, in: body}\n", "source.paging", "'page' stands in body as well"),
    ("  method: POST\n  paging: {kind: link}\n", "source.paging.kind", "asked for by GET"),
    ("  method: PUT\n", "source.method", "found 'PUT'; allowed: GET, POST"),
    ("  body: {a: 1}\n", "source.body", "isn't sent by GET; allowed: method: POST"),
    ("  max_pages: 5\n", "source.max_pages", "has no meaning without paging"),
    ("  auth: {kind: oauth}\n", "source.auth.kind", "'oauth'; allowed: basic, bearer, header, query, oauth2"),
    ("  auth: {kind: bearer, token: abc}\n", "source.auth.token", "is not a known key; allowed: kind"),
    ("  auth: {kind: header}\n", "source.auth.name", "is missing; allowed: Name of the header"),
    ("  auth: {kind: header, name: 'X Key'}\n", "source.auth.name", "can't be the name of a header"),
    ("  auth: {kind: oauth2}\n", "source.auth.connection", "is missing"),
    ("  auth: {kind: oauth2, connection: survey}\n", "source.auth.connection", "the token's address is another one"),
    ("  headers: {Authorization: Bearer x}\n", "source.headers.Authorization", "must not stand in a declaration"),
    ("  headers: {X-Api-Key: x}\n", "source.headers.X-Api-Key", "must not stand in a declaration"),
    ("  headers: {Content-Length: '5'}\n", "source.headers.Content-Length", "is written by the client itself"),
    ("  headers: {'a b': x}\n", "source.headers", "'a b' can't be the name of a header"),
    ("  method: POST\n  body: {client_secret: x}\n", "source.body.client_secret", "must not stand in a declaration"),
    ("  fields: {mail: person.mail}\n", "source.fields.mail", "no column reads it"),
    ("  expand: {list: a, keep: {mail: b}}\n", "source.expand.keep.mail", "no column reads it"),
    ("  expand: {list: a, keep: {id: b}}\n  fields: {id: c}\n", "source.expand.keep.id", "stands in fields as well"),
    ("  expand: {keep: {id: b}}\n", "source.expand.list", "is missing"),
    ("  retries: 100\n", "source.retries", "less than or equal to 20"),
    ("  rate: {requests: 0}\n", "source.rate.requests", "greater than or equal to 1"),
    ("  rate: {requests: 1, per: minute}\n", "source.rate.per", "isn't a duration"),
    ("  timezone: Seoul\n", "source.timezone", "Seoul"),
    ("  auth: {kind: bearer}\n  wait_for: {url: /ready, until: '05:00'}\n", "source.wait_for.url", "without source.auth"),
    ("  record: data\n", "source.record", "is not a known key"),
]  # fmt: skip

CHANGED: list[tuple[list[tuple[str, str]], str, str]] = [
    ([(SINCE, "")], "source.url", "every window would read the same address; allowed: {window.start:%Y-%m-%d} in params, url"),
    ([(SINCE, "  timezone: UTC\n"), (WINDOW, ""), (MODE, "  mode: full_refresh")],
     "source.timezone", "has no meaning without a window placeholder"),
    ([("{window.start:epoch}", "{window.begin:epoch}")], "source", "'{window.begin:epoch}' isn't known"),
    ([("since:", "api_key: abc, since:")], "source.params.api_key", "must not stand in a declaration"),
    ([("since:", "Token: abc, since:")], "source.params.Token", "must not stand in a declaration"),
    ([("/responses.json", "/responses.json?token=abc")], "source.url", "'token' holds a secret"),
    ([("/responses.json", "/responses.json?since=1")], "source.params.since", "stands in the address as well"),
    ([("/responses.json", "file:///tmp/a.json")], "source.url", "an API is asked at http:// or https://"),
    ([("/responses.json", "s3://bucket/a.json")], "source.url", "files and buckets are read with kind: json"),
    ([("  connection: survey\n", "")], "source.url", "a path needs a connection"),
    ([("  connection: survey\n", "  auth: {kind: bearer}\n"), ("/responses", "http://a.example.com/responses")],
     "source.connection", "auth sends its login"),
    ([("  connection: survey\n", ""), ("/responses", "http://me:pw@a.example.com/responses")], "source.url", "holds a login"),
]  # fmt: skip


@pytest.mark.parametrize("more", SOUND)
def test_what_goes_together(table_problems: Check, more: str) -> None:
    assert table_problems((CSV, REST + more)) == []


@pytest.mark.parametrize(
    "name", ["page_token", "monkey", "country_code", "sort_key_order", "session", "author", "keyword"]
)
def test_names_that_only_sound_like_a_secret(table_problems: Check, name: str) -> None:
    assert table_problems((CSV, REST.replace("since:", f"{name}: abc, since:"))) == []


@pytest.mark.parametrize(("more", "key", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_key(table_problems: Check, more: str, key: str, words: str) -> None:
    told = table_problems((CSV, REST + more))
    assert [(problem.key, problem.line is not None) for problem in told] == [(key, True)]
    assert words in str(told[0])


@pytest.mark.parametrize(("changes", "key", "words"), CHANGED)
def test_a_change_that_is_none(table_problems: Check, changes: list[tuple[str, str]], key: str, words: str) -> None:
    told = table_problems((CSV, REST), *changes)
    assert [problem.key for problem in told] == [key]
    assert words in str(told[0])
    assert "abc" not in str(told[0])
