"""What the report takes out of a record: everything that could show a value of a masked column."""

from __future__ import annotations

import pytest

from deployments.foreign_text import printable
from expectations.record import Drift, DriftAlert, RuleResult, WouldBeTold
from expectations.withheld import WITHHELD, cleaned
from tests.hostile_texts import hostile_texts

VALUE = "ada@example.org"


def rule(**changes):
    return RuleResult(**{"code": "SAL-MAIL", "type": "expect_column_values_to_match_regex", "sentence": "email is one",
                         "severity": "warning", "outcome": "fail", "place": "batch", "column": "email"} | changes)  # fmt: skip


def alert(**changes):
    return DriftAlert(**{"column": "email", "kind": "categories", "level": "digest", "score": 1.2, "observed": VALUE,
                         "message": f"Share of rows with {VALUE} in email: 4 %.", "examples": (VALUE,)} | changes)  # fmt: skip


def test_values_in_alerts_of_a_masked_column_are_gone(run_of):
    drift = Drift(verdict="digest", score=1.2, alerts=(alert(),), bands={"figures": [
        {"column": "email", "kind": "categories", "figure": f"share of rows with {VALUE} in email"}]})  # fmt: skip
    told = cleaned(run_of(0, drift=drift)).model_dump_json()
    assert VALUE not in told
    assert "email is masked" in told


def test_an_alert_about_another_column_that_names_a_masked_one_is_withheld_too(run_of):
    about = alert(column="amount", kind="segment", message=f"The mean of amount where email is {VALUE}: seen 4.")
    found = cleaned(run_of(0, drift=Drift(verdict="digest", score=1.2, alerts=(about,))))
    assert VALUE not in found.model_dump_json()


def test_what_is_withheld_is_said_in_whole_sentences(run_of):
    def told(kind):
        found = cleaned(run_of(0, drift=Drift(verdict="digest", score=1.2, alerts=(alert(kind=kind),))))
        return found.drift.alerts[0].message.partition(". ")[0]

    assert told("segment") == "One segment of email differs from the history"
    assert told("values") == "The values of email differ from the history"
    assert told("relation") == "The relation of email differs from the history"


def test_what_would_be_noticed_of_a_masked_column_is_told_of_empty_values_only(run_of):
    of_values = WouldBeTold(
        column="email", kind="reference", figure="rows whose email is new", usual="1 %", told="above 4 %"
    )
    of_empty = WouldBeTold(
        column="email", kind="completeness", figure="empty values in email", usual="1 %", told="above 4 %"
    )
    found = cleaned(run_of(0, drift=Drift(verdict="pass", score=0.2, noticed=(of_values, of_empty)))).drift
    assert found.noticed == (of_empty,)


def test_shares_and_shapes_of_a_masked_column_are_told(run_of):
    about = alert(kind="completeness", message="Share of empty values in email: expected 1 %, seen 40 %.", examples=())
    found = cleaned(run_of(0, drift=Drift(verdict="digest", score=1.2, alerts=(about,)))).drift
    assert found.alerts[0].message == about.message


def test_keys_of_masked_columns_stay_only_as_hashes(run_of):
    keys = ({"email": VALUE, "id": 7}, {"email": "0123456789abcdef", "id": 8})
    shown = cleaned(run_of(0, rules=(rule(failing_keys=keys),))).rules[0].failing_keys
    assert shown == ({"email": WITHHELD, "id": 7}, {"email": "0123456789abcdef", "id": 8})


def test_what_a_rule_observed_of_a_masked_column_is_gone(run_of):
    assert cleaned(run_of(0, rules=(rule(observed=VALUE),))).rules[0].observed is None


def test_a_table_without_masked_columns_is_left_as_it_is(run_of):
    record = run_of(0, schema_columns=({"name": "id", "type": "integer"},), rules=(rule(column="id", observed=3),))
    assert cleaned(record) == record


@pytest.mark.parametrize("text", [
    *hostile_texts(), "plain", "tab\there", "two\nlines", "\nnext: rm", "\x7f", "half \ud800", "\u202e", "a" * 17_000,
    "back\\slash",
], ids=lambda text: repr(text)[:20])  # fmt: skip
def test_a_text_is_as_printable_makes_it_wherever_it_stands(run_of, text):
    """Records whose JSON shows that nothing has to be changed are passed as they are: the answer is the same."""
    record = run_of(0, warnings=(text,), description=text)
    shown = cleaned(record)
    assert (shown.warnings, shown.description) == ((printable(text),), printable(text))
