"""A link that answers an incident says one thing, for some days; whatever is changed in it, it isn't ours any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.incidents.signed_links import LASTS, MOST, Answering, Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    At = Callable[[float], datetime]
KEY = "k" * 32
SIGNER = Signer("https://ops.example.com/answer/", KEY)


def token(link: str) -> str:
    return link.rpartition("/")[2]


@pytest.mark.parametrize("answering", ["ack", "silence"])
@pytest.mark.parametrize("names", [("3fa9c1",), ("3fa9c1", "00aa11")])
def test_it_says_what_was_signed(minutes: At, names: tuple[str, ...], answering: Answering) -> None:
    link = SIGNER.link(names, answering, minutes(0))
    assert link.startswith("https://ops.example.com/answer/3fa9c1")
    asked = SIGNER.read(token(link))
    assert asked is not None
    assert (asked.names, asked.answering, asked.until) == (names, answering, minutes(0) + LASTS)


def test_any_character_that_is_changed_makes_it_another_s(minutes: At) -> None:
    good = token(SIGNER.link(("3fa9c1",), "ack", minutes(0)))
    for place, old in enumerate(good):
        for new in "0aA.-~":
            changed = good[:place] + new + good[place + 1 :]
            assert new == old or SIGNER.read(changed) is None, changed
    assert [SIGNER.read(good[:n]) for n in range(len(good))] == [None] * len(good)


def test_the_signature_of_one_link_is_none_of_another(minutes: At) -> None:
    ack, silence = (token(SIGNER.link(("3fa9c1",), said, minutes(0))) for said in ("ack", "silence"))
    later = token(SIGNER.link(("3fa9c1",), "ack", minutes(0) + timedelta(days=1)))
    for one, other in ((ack, silence), (silence, ack), (ack, later), (later, ack)):
        assert SIGNER.read(f"{one.rpartition('.')[0]}.{other.rpartition('.')[2]}") is None
    assert Signer("https://ops.example.com", "j" * 32).read(ack) is None


@pytest.mark.parametrize(
    "sent", ["", ".", "...", "a.b.c.d", "3fa9c1.ack.1.", "\udcff.ack.1.x", "ü.ack.1.ü", "x" * 5000]
)
def test_what_was_never_ours_is_refused(sent: str) -> None:
    assert SIGNER.read(sent) is None


def test_more_incidents_than_fit_have_no_link(minutes: At) -> None:
    names = [f"{n:06x}" for n in range(MOST + 1)]
    assert SIGNER.link(names, "ack", minutes(0)) == ""
    assert len(SIGNER.link(names[:-1], "ack", minutes(0))) < 400


def test_the_key_is_never_shown() -> None:
    assert KEY not in repr(SIGNER)
