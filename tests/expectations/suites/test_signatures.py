"""The committed table of signatures is what the installed library says, and what the sentences cover."""

from __future__ import annotations

import json

from deployments.declarations.signatures import COLUMN_ARGUMENTS, MISSING_VALUES, ROW_RULES, refused, signatures
from expectations.suites.signatures import TABLE, as_text, make_table


def test_committed_table_is_the_installed_library() -> None:
    assert TABLE.read_text(encoding="utf-8") == as_text(make_table()), (
        "python -m expectations.suites.signatures --write"
    )


def test_every_argument_that_names_columns_is_known() -> None:
    named = {key for check in signatures().values() for key in check.parameters if "column" in key.lower()}
    not_ours = {"column_set", "column_index", "other_column"}
    assert named - not_ours == set(COLUMN_ARGUMENTS)


def test_lists_of_names_name_what_exists() -> None:
    assert set(signatures()) >= ROW_RULES | set(MISSING_VALUES)
    assert not set(refused()) & set(signatures())


def test_every_check_has_a_sentence() -> None:
    texts = json.loads(TABLE.parents[2].joinpath("expectations/suites/sentences.json").read_text(encoding="utf-8"))
    assert set(texts["rules"]) == set(signatures())
