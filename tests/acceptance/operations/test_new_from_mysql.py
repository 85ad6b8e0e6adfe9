"""A table of MariaDB looked at, drafted from real rows and its catalog, checked, planned and loaded by typed commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deployments.declarations.sources import MysqlSource
from tasks import unplaced
from tasks.sources.mysql import MysqlReader
from tasks.sources.protocol import Span
from tests.mariadb import Database

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
Command = Callable[..., Any]


@pytest.fixture
def typed(house: Any, mysql: Database, command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Type a command in the project's folder, with the connection `shop` to a MariaDB that has orders."""
    from deployments import settings

    house.place.settings = replace(house.place.settings, connections={"shop": mysql.url})
    monkeypatch.setattr(settings, "read_settings", lambda: house.place.settings)
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    monkeypatch.setenv("HEADGATE_CONNECTION_SHOP", mysql.url)
    unplaced._counted.clear()
    mysql.run(
        "CREATE TABLE orders (`Order No` BIGINT UNSIGNED PRIMARY KEY, state VARCHAR(20) NOT NULL, paid TINYINT(1) NOT NULL,"
        " amount DECIMAL(12,2), updated_at TIMESTAMP NOT NULL, note TEXT)",
        "SET time_zone = '+00:00'",
        "INSERT INTO orders SELECT seq, 'open', seq % 2, seq / 4, '2024-05-01' + INTERVAL seq MINUTE, IF(seq % 2, NULL, '')"
        " FROM seq_1_to_500",
    )
    return command


def test_peek_shows_rows_with_the_types_of_the_catalog(typed: Command) -> None:
    told = typed("peek", "connection:shop", "--table", "orders", "--rows", "50")
    assert told.code == 0, told.error
    assert "Order No" in told.out
    assert typed("peek", "connection:shop", "--query", "SELECT state FROM orders WHERE state <> 'it\\'s'").code == 0


def test_a_refused_login_names_its_setting(house: Any, mysql: Database, typed: Command) -> None:
    house.open()
    assert typed("new", f"{house.schema}.orders", "--source", "connection:shop", "--table", "orders").code == 0
    wrong = mysql.url.replace("s3cret", "wrong")
    house.place.settings = replace(house.place.settings, connections={"shop": wrong})
    lines = {line["what"]: line for line in typed("check", "--connect", "--json").json["lines"]}
    login = lines["source shop: login"]
    assert (login["ok"], "Access denied" in login["said"]) == (False, True)
    assert login["next_command"] == "mend HEADGATE_CONNECTION_SHOP; then: headgate check --connect"
    # No table has to name it for the command that was typed.
    told = typed("peek", "connection:shop", "--table", "orders")
    assert (told.error.code, told.error.next_command) == (
        "SOURCE-LOGIN", "mend HEADGATE_CONNECTION_SHOP; then: headgate peek connection:shop --table orders",
    )  # fmt: skip


def test_a_drafted_table_is_checked_planned_and_loaded(house: Any, mysql: Database, typed: Command) -> None:
    name = f"{house.schema}.orders"
    done = typed("new", name, "--source", "connection:shop", "--table", "orders", "--cursor", "updated_at")
    assert (done.code, done.error) == (0, None)
    text = (house.folder / "tables" / "orders.yaml").read_text()
    for line in ("kind: mysql", "key: [order_no]", "mode: merge", "keep: {latest_by: updated_at}", "decimal(20,0)", "timestamptz",
                 "varchar(20), nullable: false", "decimal(12,2)", "start: 2024-05-01"):  # fmt: skip
        assert line in text.replace('"', ""), line
    assert typed("check").code == 0
    lines = {line["what"]: line for line in typed("check", "--connect", "--json").json["lines"]}
    assert (lines["source shop: login"]["ok"], lines["source shop: login"]["said"]) == (
        True, f"reader@% in {mysql.name}, read only",
    )  # fmt: skip
    assert "2024-05-01" in typed("plan", name, "--to", "2024-05-02").out
    assert typed("run", name, "--window", "2024-05-01").code == 0
    assert house.rows(name, "count(*), count(note), min(note), sum(amount)") == [(500, 250, "", 31312.5)]
    again = typed("run", name, "--to", "2024-05-02", "--json").json
    assert again["runs"] == [], "there is nothing to do"
    assert typed("check", "--live").code == 0
    assert typed("reconcile", name).code == 0
    mysql.run("UPDATE orders SET updated_at = updated_at, amount = 9 WHERE `Order No` = 3")
    assert (typed("reconcile", name).code, typed("reconcile", name, "--repair").code) == (3, 0)
    assert house.rows(name, "amount", "order_no")[2] == (9,)
    mysql.run("ALTER TABLE orders DROP COLUMN state")
    told = typed("check", "--live")
    assert (told.code != 0, "state" in told.out) == (True, True)


def test_a_login_that_fails_is_told_by_the_check(house: Any, mysql: Database, typed: Command) -> None:
    typed("new", f"{house.schema}.orders", "--source", "connection:shop", "--table", "orders")
    port = mysql.server.port
    for url, what, words in [
        (f"mysql://reader:hidden@127.0.0.1:{port}/{mysql.name}", "source shop: login", "Access denied"),
        (mysql.server.url("absent"), "source shop: login", "Unknown database"),
        (f"{mysql.url}?ssl-mode=VERIFY_CA", "source shop: login", "isn't trusted"),
        ("mysql://reader:hidden@127.0.0.1:1/x", "source shop: port", "refused"),
    ]:
        house.place.settings = replace(house.place.settings, connections={"shop": url})
        told = typed("check", "--connect", "--json")
        lines = {line["what"]: line for line in told.json["lines"]}
        assert (lines[what]["ok"], words in lines[what]["said"]) == (False, True), lines[what]
        assert "hidden" not in told.out


PLAIN = [
    ("SELECT * FROM orders", True), ("SELECT `Order No`, state FROM {db}.orders AS o WHERE state = 'open'", True),
    ("SELECT `Order No` FROM `{db}`.`orders`", True), ("SELECT o.`Order No` FROM orders o JOIN orders p ON true", False),
    ("SELECT o.`Order No` FROM orders o, orders p", False), ("SELECT state FROM orders", False),
    ("SELECT `Order No` FROM orders UNION ALL SELECT `Order No` FROM orders", False),
    ("SELECT state AS `Order No` FROM orders", False),
]  # fmt: skip


def test_the_key_of_a_table_is_that_of_a_query_only_where_no_row_can_repeat(mysql: Database, typed: Command) -> None:
    for query, known in PLAIN:
        source = MysqlSource(kind="mysql", connection="shop", query=query.replace("{db}", mysql.name))
        key = MysqlReader(source, Span(None, "UTC"), mysql.url).describe().key
        assert key == (("Order No",) if known else ()), query
