"""Values that no other batch has, counted by sorting, as the plain definition counts them."""

import numpy as np
import pytest
from numpy.random import Generator

from expectations.drift.compare import _bound, _unseen_hashes, peers
from expectations.profile.model import Sketch


def counted_plainly(sketches: list[Sketch]) -> list[tuple[float, float]]:
    last = len(sketches) - 1
    bound = min(_bound(s) for s in sketches)
    result = []
    for i, own in enumerate(sketches):
        others = {h for j in peers(i, last) for h in sketches[j].hashes}
        kept = [(h, n) for h, n in zip(own.hashes, own.counts, strict=True) if h <= bound]
        result.append((float(sum(n for h, n in kept if h not in others)), float(sum(n for _, n in kept))))
    return result


def sketched(rng: Generator, values: int, all_of_them: bool) -> Sketch:
    """Few different hashes, so that many stand in several batches and some twice in one."""
    hashes = np.sort(rng.integers(0, 40, values))
    return Sketch(tuple(hashes.tolist()), tuple(rng.integers(1, 9, values).astype(float).tolist()), all_of_them)


@pytest.mark.parametrize("seed", range(60))
def test_sorting_counts_what_the_definition_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batches = int(rng.integers(3, 30))
    sketches = [sketched(rng, int(rng.integers(0, 12)), bool(rng.random() < 0.7)) for _ in range(batches)]

    assert _unseen_hashes(sketches) == counted_plainly(sketches)


def test_two_values_of_one_hash_in_one_batch_are_both_new() -> None:
    usual = Sketch((1, 2), (5.0, 5.0), complete=True)
    odd = Sketch((1, 7, 7), (5.0, 3.0, 2.0), complete=True)

    assert _unseen_hashes([usual, usual, odd])[-1] == (5.0, 10.0)
