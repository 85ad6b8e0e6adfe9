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
