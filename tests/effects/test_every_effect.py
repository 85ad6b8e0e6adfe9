"""Everything that is accepted has an effect that a test sees, and a sentence that says which.

Adding a key, a value of a choice, a setting, a command or an option fails here until a test is marked with its name:
`@pytest.mark.effect("Load.tolerance")`. Whether marked tests fail when the effect is gone is tried by `forgetting.py`.
"""

from __future__ import annotations

import click
import pytest

from tests.effects import declared
from tests.effects.observers import Observers, of_all_tests


@pytest.fixture(scope="session")
def observers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Observers:
    return of_all_tests(request.config, tmp_path_factory.mktemp("observers"))


def test_every_effect_is_seen_by_a_test(observers: Observers) -> None:
    assert sorted(set(declared.names()) - set(observers)) == []


def test_tests_name_only_what_there_is(observers: Observers) -> None:
    assert sorted(set(observers) - set(declared.names())) == []


def test_every_key_says_what_it_means() -> None:
    assert [name for name, key in declared.keys().items() if not key.info.description and key.field != "kind"] == []


def test_every_option_says_what_it_does() -> None:
    options = {name: item for name, item in declared.options().items() if isinstance(item, click.Option)}
    assert [name for name, item in options.items() if not item.help] == []
