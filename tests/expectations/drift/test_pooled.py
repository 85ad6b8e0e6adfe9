"""Figures of one column that each stay below the threshold say together what none says alone, as far as the history was calm."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.drift.figures import named
from expectations.drift.pooled import pooled

KEYS = (
    named("grade", "format", "length"),
    named("grade", "categories", "category", "A"),
    named("grade", "completeness", "missing"),
    named("grade", "relation", "correlation", "total"),
    named("total", "values", "mean"),
    named("total", "categories", "category", "5"),
    named(None, "volume", "rows"),
)
CALM = np.full((20, len(KEYS)), 0.2)
RESTLESS = CALM + 0.7 * (np.arange(20) % 4 == 0)[:, None]


@pytest.mark.parametrize(
    ("scores", "history", "told"),
    [
        ((0.83, 0.76, 0.57, 0, 0, 0, 0), CALM, {"grade"}),
        ((0.83, 0.76, 0.57, 0, 0, 0, 0), RESTLESS, set()),
        ((0.99, 0.4, 0.4, 0, 0, 0, 0), CALM, set()),
        ((0.99, 0, 0, 0.99, 0, 0, 0), CALM, set()),
        ((0, 0, 0, 0, 0.99, 0.99, 0.99), CALM, set()),
        ((1.2, 0.9, 0.9, 0, 0, 0, 0), CALM, set()),
        ((0.9, 0.95, 0, 0, 0.9, 0.9, 0), CALM, {"grade"}),
    ],
    ids=[
        "three below",
        "as often before",
        "one alone",
        "between two columns",
        "of the world",
        "told anyway",
        "two below",
    ],
)
def test_what_figures_say_together(scores: tuple[float, ...], history: np.ndarray, told: set[str]) -> None:
    assert pooled(KEYS, np.array(scores), history, "normal").keys() == told


def test_what_came_counts_once() -> None:
    """New values, their last digits and how they are written are of the same rows."""
    keys = (
        named("rain", "reference", "unseen"),
        named("rain", "values", "off_grid", "units"),
        named("rain", "format", "decimals_2"),
    )
    assert pooled(keys, np.array([0.95, 0.95, 0.95]), CALM[:, :3], "normal") == {}


def test_the_score_is_of_the_sum_and_the_strongest_comes_first() -> None:
    ((score, places),) = pooled(KEYS, np.array([0.9, 0.95, 0.6, 0, 0, 0, 0]), CALM, "normal").values()
    assert score == pytest.approx(np.sqrt(0.9**2 + 0.95**2 + 0.6**2) / 1.25)
    assert places == [1, 0, 2]


def test_a_table_without_columns_of_its_own_says_nothing() -> None:
    assert pooled(KEYS[-1:], np.ones(1), CALM[:, -1:], "normal") == {}
