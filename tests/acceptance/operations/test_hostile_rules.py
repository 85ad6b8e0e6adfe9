"""The SQL of a rule is held as that of a summary: its text by `check`, and what the warehouse understands before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deployments.declarations.suite import Suite
from deployments.errors import DeclarationError, HeadgateError
from tasks.judged_table import judged_table
from tasks.only_reads import prove_rules
from tasks.warehouses.names import TableName
from tasks.workbench import workbench
from tests.acceptance.operations.test_hostile_summaries import HOSTILE, TABLE, filled, state, target

__all__ = ["target"]
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
# The query runs inside the library's own statement, on lines of its own.
MORE = {
    "leaves its parentheses by a comment": "SELECT 1 AS n FROM {batch}) q; DELETE FROM {s}.gold; COMMIT; --",
    "what the library fills in": "SELECT '{batch.__class__.__init__.__globals__}' AS n FROM {batch}",
    "doubled braces": "SELECT '{{' AS n FROM {batch}",
}
RULES = HOSTILE | MORE


def suite(house: Any, queries: dict[str, str]) -> dict[str, Any]:
    return {
        "table": f"{house.schema}.orders",
        "expectations": [
            {"code": f"R{number}", "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": text}}
            for number, text in enumerate(queries.values())
        ],
    }


def queries(house: Any) -> dict[str, str]:
    named = {name: filled(house, text).replace(f"{house.schema}.orders ", "{batch} ") for name, text in RULES.items()}
    return {name: text if "{batch}" in text else f"{text} /* {{batch}} */" for name, text in named.items()}


def test_the_text_of_each_is_refused_by_check(
    target: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(target.folder))
    (target.folder / "suites").mkdir()
    texts = queries(target)
    (target.folder / "suites" / "orders.yaml").write_text(yaml.safe_dump(suite(target, texts)))
    told = command("check", "--json")
    named = {str(problem["key"]) for problem in told.json["problems"]}
    passed = [name for n, name in enumerate(texts) if not any(f"expectations.R{n}." in f"{key}." for key in named)]
    assert (told.code, passed) == (2, [])


def test_each_is_refused_by_what_the_server_understands(target: Any) -> None:
    before, passed = state(target), []
    target.open()
    bench, live = workbench(), TableName.parse(f"{target.schema}.orders")
    for name, text in queries(target).items():
        if name in ("what the library fills in", "doubled braces"):
            continue
        rules = Suite.model_construct(table=str(live), expectations=tuple(_unchecked(text)))
        try:
            prove_rules(bench.warehouse, rules, live, [])
        except HeadgateError:
            pass
        else:
            passed.append(name)
        if state(target) != before:
            passed.append(f"{name}: ran")
    assert passed == []


def _unchecked(text: str) -> Any:
    from deployments.declarations.suite import Rule

    kwargs = {"unexpected_rows_query": text}
    yield Rule.model_construct(code="HOSTILE", type="unexpected_rows_expectation", kwargs=kwargs)


def test_a_load_refuses_what_its_rule_may_not_read_and_runs_what_it_may(target: Any) -> None:
    s = target.schema
    for read, code in ((f"{s}.gold", "READS"), (f"quarantine.{s}__orders", "READS"), (f"{s}.planted()", "CALLS")):
        rules = Suite.model_construct(
            table=f"{s}.orders",
            expectations=tuple(_unchecked(f"SELECT b.id FROM {{batch}} b, {read} o WHERE b.id > 5")),
        )
        with pytest.raises(DeclarationError) as refused:
            prove_rules(workbench().warehouse, rules, TableName(s, "orders"), [f"{s}.cities"])
        assert refused.value.code == f"RULE-{code}"
    good = {"more": f"SELECT id FROM {{batch}} WHERE id > 5 AND id NOT IN (SELECT id FROM {s}.orders)"}
    target.declare("orders", TABLE, yaml.safe_dump(suite(target, good)))
    target.source("orders.csv", "id,city\n3,Oslo\n4,Rome\n")
    assert target.load(f"{s}.orders").status == "published"


def test_sessions_of_the_library_are_set_up_as_ours_and_change_nothing(target: Any) -> None:
    import sqlalchemy
    from psycopg2 import Error

    from expectations.suites.batches import opened

    bench, ours = workbench(), {}
    from tasks.warehouses.session import session

    names = ("search_path", "statement_timeout", "lock_timeout", "TimeZone", "DateStyle", "client_min_messages")
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SHOW {name}")
            ours[name] = cursor.fetchone()[0]
    with opened(judged_table(bench, TableName(target.schema, "orders"))) as batch, batch.engine.connect() as theirs:
        assert {name: theirs.execute(sqlalchemy.text(f"SHOW {name}")).scalar() for name in names} == ours
        with pytest.raises((Error, sqlalchemy.exc.DBAPIError), match="read-only transaction"):
            theirs.execute(sqlalchemy.text(f"DELETE FROM {target.schema}.gold"))
