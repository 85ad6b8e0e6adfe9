"""Lineage by column: what a figure is made of, what a column feeds, and whose rows it decides; as text, JSON and Mermaid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deployments.declarations.select import tree_of
from deployments.declarations.sql_origins import origins_of
from deployments.declarations.sql_scopes import Column, Known
from deployments.errors import DeclarationError
from deployments.project import SHOP
from flows.cli import cli

KNOWN = {
    "r.a": Known({name: Column("integer", False) for name in ("id", "n", "m", "kind")}),
    "r.b": Known({name: Column("integer", False) for name in ("id", "a_id", "v")}),
}
# SQL, what each column is made of, and what decides rows.
ORIGINS: list[tuple[str, dict[str, set[str]], set[str]]] = [
    ("SELECT id, n + m AS s FROM r.a", {"id": {"a.id"}, "s": {"a.n", "a.m"}}, set()),
    ("SELECT A.ID, SUM(b.V) AS v FROM r.a AS a JOIN r.b AS b ON b.a_id = a.id WHERE a.kind = 1 GROUP BY A.ID",
     {"id": {"a.id"}, "v": {"b.v"}}, {"a.id", "a.kind", "b.a_id"}),
    ("WITH x AS (SELECT id AS k, n * 2 AS d FROM r.a WHERE m > 0) SELECT k, d AS e FROM x",
     {"k": {"a.id"}, "e": {"a.n"}}, {"a.m"}),
    ("WITH x(k, d) AS (SELECT id, n FROM r.a), y AS (SELECT * FROM x) SELECT d FROM y", {"d": {"a.n"}}, set()),
    ("SELECT id FROM r.a UNION ALL SELECT v FROM r.b", {"id": {"a.id", "b.v"}}, set()),
    ("SELECT q.id FROM (SELECT id FROM r.a UNION SELECT v FROM r.b WHERE a_id = 1) AS q", {"id": {"a.id", "b.v"}}, {"b.a_id"}),
    ("SELECT id, (SELECT MAX(v) FROM r.b WHERE b.a_id = a.id) AS most FROM r.a",
     {"id": {"a.id"}, "most": {"b.v"}}, {"b.a_id", "a.id"}),
    ("SELECT id FROM r.a WHERE EXISTS (SELECT 1 FROM r.b WHERE b.a_id = a.id AND v > 1)",
     {"id": {"a.id"}}, {"b.a_id", "a.id", "b.v"}),
    ("SELECT id FROM r.a WHERE n IN (SELECT v FROM r.b)", {"id": {"a.id"}}, {"a.n", "b.v"}),
    ("SELECT id, v FROM r.a JOIN (SELECT a_id AS id, v FROM r.b) AS b USING (id)",
     {"id": {"a.id"}, "v": {"b.v"}}, {"a.id", "b.a_id"}),
    ("SELECT n + 1 AS k, COUNT(*) AS c FROM r.a GROUP BY k", {"k": {"a.n"}, "c": set()}, {"a.n"}),
    ("SELECT id, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY m) AS p FROM r.a",
     {"id": {"a.id"}, "p": {"a.kind", "a.m"}}, set()),
    ("SELECT CASE WHEN kind = 1 THEN n END AS c FROM r.a", {"c": {"a.kind", "a.n"}}, set()),
    # Names that a SELECT gave before.
    ("SELECT n * 2 AS twice, twice + m AS more, more * 2 AS most FROM r.a",
     {"twice": {"a.n"}, "more": {"a.n", "a.m"}, "most": {"a.n", "a.m"}}, set()),
    ("SELECT id AS kind, kind AS k FROM r.a", {"kind": {"a.id"}, "k": {"a.kind"}}, set()),
    ("SELECT kind, SUM(n) AS s, s / COUNT(*) AS mean FROM r.a GROUP BY 1 HAVING MAX(m) > 2",
     {"kind": {"a.kind"}, "s": {"a.n"}, "mean": {"a.n"}}, {"a.kind", "a.m"}),
    # Stars of queries.
    ("WITH x AS (SELECT * FROM r.a) SELECT x.id, x.n FROM x", {"id": {"a.id"}, "n": {"a.n"}}, set()),
    ("WITH x AS (SELECT a.*, b.v FROM r.a JOIN r.b ON b.a_id = a.id) SELECT n, v FROM x WHERE kind = 2",
     {"n": {"a.n"}, "v": {"b.v"}}, {"a.id", "b.a_id", "a.kind"}),
    ("WITH x AS (SELECT id, n FROM r.a), y AS (SELECT x.*, n + 1 AS m FROM x) SELECT y.m, y.id FROM y",
     {"m": {"a.n"}, "id": {"a.id"}}, set()),
    # Unions and the like.
    ("WITH x AS (SELECT id, n FROM r.a UNION ALL SELECT a_id, v FROM r.b), y AS (SELECT id, SUM(n) AS s FROM x GROUP BY id) "
     "SELECT id, s FROM y", {"id": {"a.id", "b.a_id"}, "s": {"a.n", "b.v"}}, {"a.id", "b.a_id"}),
    ("SELECT id FROM r.a EXCEPT SELECT a_id FROM r.b WHERE v > 1", {"id": {"a.id"}}, {"b.a_id", "b.v"}),
    ("SELECT id FROM r.a INTERSECT SELECT a_id FROM r.b", {"id": {"a.id", "b.a_id"}}, {"b.a_id"}),
    ("WITH RECURSIVE t AS (SELECT id, n FROM r.a WHERE id = 1 UNION ALL SELECT b.a_id, b.v FROM r.b JOIN t ON t.id = b.id) "
     "SELECT id, n FROM t", {"id": {"a.id", "b.a_id"}, "n": {"a.n", "b.v"}}, {"a.id", "b.id"}),
    # Windows.
    ("SELECT SUM(n) OVER w AS s FROM r.a WINDOW w AS (PARTITION BY kind ORDER BY m)", {"s": {"a.n", "a.kind", "a.m"}}, set()),
    ("SELECT id FROM r.a QUALIFY ROW_NUMBER() OVER (PARTITION BY kind ORDER BY m DESC) = 1",
     {"id": {"a.id"}}, {"a.kind", "a.m"}),
    ("SELECT id, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY m) AS p FROM r.a QUALIFY p = 1",
     {"id": {"a.id"}, "p": {"a.kind", "a.m"}}, {"a.kind", "a.m"}),
    ("WITH r AS (SELECT id, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY m) AS p FROM r.a) SELECT id FROM r WHERE p = 1",
     {"id": {"a.id"}}, {"a.kind", "a.m"}),
    ("SELECT id FROM r.a ORDER BY n DESC LIMIT 10", {"id": {"a.id"}}, {"a.n"}),
    ("SELECT id FROM r.a ORDER BY n DESC", {"id": {"a.id"}}, set()),
    # Joins and queries inside.
    ("SELECT a.id, q.v FROM r.a, r.b AS q WHERE q.a_id = a.id", {"id": {"a.id"}, "v": {"b.v"}}, {"a.id", "b.a_id"}),
    ("SELECT a.id, COALESCE(q.t, 0) AS t FROM r.a LEFT JOIN (SELECT a_id, SUM(v) AS t FROM r.b GROUP BY 1) AS q ON q.a_id = a.id",
     {"id": {"a.id"}, "t": {"b.v"}}, {"a.id", "b.a_id"}),
    ("SELECT CASE WHEN id IN (SELECT a_id FROM r.b WHERE v > 3) THEN n ELSE m END AS x FROM r.a",
     {"x": {"a.id", "a.n", "a.m", "b.a_id"}}, {"b.v"}),
    ("SELECT id, y FROM (SELECT id, kind, n FROM r.a) PIVOT (SUM(n) FOR kind IN (1 AS y))",
     {"id": {"a.id"}, "y": {"a.kind", "a.n"}}, {"a.id"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "values", "deciding"), ORIGINS)
def test_where_columns_come_from(sql: str, values: dict[str, set[str]], deciding: set[str]) -> None:
    tree = tree_of(sql, "redshift" if "PIVOT" in sql or "QUALIFY" in sql else "postgresql")
    assert tree is not None
    found = origins_of(tree, KNOWN)
    short = {name: {f"{table[2:]}.{column}" for table, column in of} for name, of in found.values.items()}
    assert (short, {f"{table[2:]}.{column}" for table, column in found.deciding}) == (values, deciding)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(SHOP))


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["lineage", *arguments])
    if isinstance(result.exception, DeclarationError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def names(text: str) -> list[str]:
    return [line.lstrip("├└─│ ").split("   ")[0] for line in text.splitlines()]


def test_what_a_figure_is_made_of(shop: None) -> None:
    told = call("channel_month.net_revenue")
    above = names(told.partition("analytics.channel_month.net_revenue")[0])
    assert set(above) == {
        "comes from", "raw_data.session_transaction.amount", "raw_data.session_transaction.refunded",
        "production: public.session_transaction",
    }  # fmt: skip


def test_what_breaks_when_a_column_goes(shop: None) -> None:
    below = call("raw_data.session_transaction.sessionid").partition("raw_data.session_transaction.sessionid")[2]
    assert "analytics.channel_month   core, growth-data@example.com   decides which rows" in below
    assert "analytics.user_summary   core, growth-data@example.com   decides which rows" in below
    told = names(call("session_timestamp.ts"))
    # By way of other summaries, too: the calendar is made of it, and the score is told by month of the calendar.
    assert {"analytics.calendar_month.month", "analytics.monthly_nps.month", "analytics.user_summary.ts"} <= set(told)


def test_as_json_and_as_mermaid(shop: None) -> None:
    edges = json.loads(call("user_summary.amount", "--json"))["edges"]
    assert {
        "upstream": "raw_data.session_transaction.amount",
        "downstream": "analytics.user_summary.amount",
        "how": "",
    } in edges
    assert not any("refunded" in edge["upstream"] for edge in edges)


@pytest.mark.effect("headgate lineage --mermaid")
@pytest.mark.parametrize("name", ["user_summary.amount", "user_summary", ""])
def test_mermaid_draws_each_node_and_edge_once(shop: None, name: str) -> None:
    words = [name] if name else []
    lines = call(*words, "--mermaid").splitlines()
    wanted = json.loads(call(*words, "--json"))
    assert lines[0] == "flowchart LR"
    drawn = {
        line.partition("[")[0].strip(): line.partition('["')[2].removesuffix('"]') for line in lines[1:] if '["' in line
    }
    assert sorted(drawn.values()) == sorted(node["name"] for node in wanted["nodes"])
    arrows = [line.split() for line in lines[1:] if "-->" in line]
    assert sorted((drawn[arrow[0]], drawn[arrow[-1]]) for arrow in arrows) == sorted(
        (edge["upstream"], edge["downstream"]) for edge in wanted["edges"]
    )


def test_a_column_that_is_not_there_is_told(shop: None, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"has no column 'amuont'; did you mean 'amount'"):
        call("session_transaction.amuont")
    with pytest.raises(DeclarationError, match="session_transactoin"):
        call("raw_data.session_transactoin")
