"""Which publishes nothing is in the way of: for all at once the same as for each by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.warehouses.proofs import Counts, Kind, Proof
from tasks.warehouses.undo import in_the_way, last_ones, standing


class Counted(list[Proof]):
    """Proofs that know how often all of them were read."""

    read = 0

    def __iter__(self) -> Iterator[Proof]:
        self.read += 1
        return super().__iter__()


def proofs_of(dice: random.Random, count: int) -> Counted:
    kinds: tuple[Kind, ...] = ("publish", "empty", "replay", "rollback")

    def made(number: int, **more: Any) -> Proof:
        return Proof(
            sequence=number, batch_key=f"{dice.randrange(4)}/", kind=dice.choice(kinds), run_id=f"r{number}", attempt_id="a",
            fingerprint="", declaration_hash="", suite_hash="", stage_uri="", published_at=datetime(2026, 1, 1, tzinfo=UTC),
            counts=Counts(), **more,
        )  # fmt: skip

    return Counted(made(number, undone_by=dice.choice([None, None, number + 1])) for number in range(1, count + 1))


@pytest.mark.parametrize("builds_up", [True, False])
def test_all_at_once_are_those_that_nothing_is_in_the_way_of(builds_up: bool) -> None:
    for seed in range(50):
        known = proofs_of(random.Random(seed), 12)
        alone = {p.sequence for p in standing(known) if not in_the_way(known, [p.sequence], builds_up=builds_up)}
        known.read = 0
        assert last_ones(known, builds_up=builds_up) == alone
        assert known.read == 1, "thousands of windows are read once, not once each"
