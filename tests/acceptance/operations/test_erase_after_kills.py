"""Rows of a key are erased after loads that were killed, again and again: what they left is known as dead until it is gone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.acceptance.operations.test_machine import Machine


def test_no_mark_of_a_dead_process_goes_before_its_candidate(house: Any, command: Callable[..., Any]) -> None:
    """The second erasure was refused for three days, as if the load that was killed before the first were still at work."""

    model = _loaded(house, command)
    for turn in range(2):
        model.load(number=1, fresh=(1, ((3, f"c{turn}"),)), at="publish-begun")
        model.erase(key=4, at=None, chance=0)
        model.the_warehouse_holds_what_the_model_says()
    assert model.told["load killed"] == 2
    model.teardown()


def test_what_a_killed_load_has_left_isnt_called_kept_for_an_undo(house: Any, command: Callable[..., Any]) -> None:
    model = _loaded(house, command)
    model.load(number=1, fresh=(1, ((3, "c"),)), at="publish-begun")
    planned = command("erase", model.table, "--key", "3", "--plan").out
    said = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in planned.splitlines() if "  " in line)
    assert said["tables kept for an undo"] == "none holds it"
    assert "__hg_c" in said["candidates of killed loads"]
    model.teardown()


def _loaded(house: Any, command: Callable[..., Any]) -> Machine:
    """A table with the keys 1 and 3 of one day."""

    class Here(Machine):
        pass

    Here.house, Here.command, Here.mode, Here.told = house, staticmethod(command), "replace_window", Counter()
    Here.numbers, Here.lookback = iter(range(1, 100)), 0
    model = Here()
    model.begin()
    model.load(number=1, fresh=(1, ((1, "a"), (3, "b"))), at=None)
    return model
