"""The daily digest: one notice per owner, a line a table and saying, each batch once, commands that name their run."""

from __future__ import annotations

from datetime import UTC, date, datetime

from deployments.project import SHOP, load_project
from tasks.incidents.rota_notices import Digest, digests
from tasks.notices.compose import Context

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def told(*found: Digest) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    made = digests(found, date(2026, 11, 23), Context(project=load_project(SHOP), now=NOW))
    return [(notice.owners[0], notice.cause, notice.commands) for notice in made]


def test_each_batch_is_told_once_with_its_last_word() -> None:
    first = Digest("raw.nps", "2026-11-22", "a@example.com", "3 rows set aside", "nps-1")
    again = Digest("raw.nps", "2026-11-22", "a@example.com", "1 row set aside", "nps-2")
    assert told(first, again) == [
        (
            "a@example.com",
            ("raw.nps 2026-11-22: 1 row set aside",),
            ("headgate show nps-2   # raw.nps 2026-11-22",),
        )
    ]


def test_batches_that_say_the_same_are_one_line_and_owners_are_apart() -> None:
    days = [Digest("raw.nps", f"2026-11-{n:02}", "a@example.com", "few rows", f"nps-{n}") for n in range(10, 18)]
    (a, lines, commands), (b, other, _) = told(*days, Digest("raw.x", "source", "b@example.com", "odd", "x-1"))
    assert (a, b) == ("a@example.com", "b@example.com")
    assert lines == ("raw.nps 2026-11-10, 2026-11-11, 2026-11-12, 2026-11-13, 2026-11-14 and 3 more: few rows",)
    assert len(commands) == 6
    assert other == ("raw.x source: odd",)
