"""Clauses, operators and types of SQL that was written for Redshift: those that are proven for PostgreSQL, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from itertools import pairwise

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from deployments.declarations.redshift_calls import safe_pattern
from deployments.declarations.redshift_values import is_double
from deployments.declarations.redshift_words import INSTEAD, NOT_OF_POSTGRESQL, PARTS
from deployments.declarations.select import start_of
from deployments.declarations.sql_scopes import Scopes
from deployments.declarations.sql_text import SqlFault, Token

_CLAUSES: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.Subquery, exp.SetOperation, exp.With, exp.CTE, exp.From, exp.Join, exp.Where, exp.Group, exp.Having,
    exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Qualify, exp.Distinct, exp.Table, exp.TableAlias, exp.Alias, exp.Column,
    exp.Identifier, exp.Star, exp.Tuple, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Window, exp.WindowSpec, exp.WithinGroup,
    exp.Literal, exp.Null, exp.Boolean, exp.Var, exp.DataType, exp.DataTypeParam, exp.Paren, exp.Interval, exp.Aliases,
    exp.JSONPath, exp.JSONPathPart,
)  # fmt: skip
_OPERATORS: tuple[type[exp.Expr], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE,
    exp.LT, exp.LTE, exp.Is, exp.Between, exp.In, exp.Like, exp.ILike, exp.Exists, exp.Any, exp.All, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Escape,
)  # fmt: skip
_TYPES = {
    exp.DataType.Type.SMALLINT, exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.DECIMAL,
    exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.BOOLEAN, exp.DataType.Type.DATE,
    exp.DataType.Type.TIMESTAMP, exp.DataType.Type.VARCHAR,
}  # fmt: skip
_WHOLE = (exp.DataType.Type.SMALLINT, exp.DataType.Type.INT, exp.DataType.Type.BIGINT)
_CUT = (exp.Floor, exp.Ceil, exp.Trunc, exp.Count, exp.Extract, exp.Length, exp.TsOrDsDiff)
_SPANS = ("week", "day", "hour", "minute", "second")
_FRAMED = (exp.FirstValue, exp.LastValue, exp.NthValue, exp.Sum, exp.Avg, exp.Count, exp.Min, exp.Max)
_REFUSED_WORDS = ("sysdate", "approximate", "pivot", "unpivot", "minus")


def clause_faults(scopes: Scopes, words: Sequence[Token], proven: Set[int]) -> Iterator[SqlFault]:
    """What isn't proven to mean the same on PostgreSQL, and what Redshift itself wants otherwise. `proven`: where words begin
    that are rewritten with what stands around them."""
    yield from (fault for fault in _words(words) if fault.start not in proven)
    for scope in scopes.all:
        for node in scope.walk():
            yield from _node(scopes, scope, node)


def redshift_alone(words: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Words that PostgreSQL doesn't read, each with how it is called."""
    for word, following in pairwise(words):
        if word.kind != "word":
            continue
        if word.name in NOT_OF_POSTGRESQL and following.text == "(":
            yield word, f"{word.name.upper()}()"
        pivots = word.name in ("pivot", "unpivot") and following.text == "("
        roughly = word.name == "approximate" and following.name in ("count", "percentile_disc")
        if pivots or roughly or (word.name == "qualify" and following.text not in (",", ".")):
            yield word, word.name.upper()


def _words(words: Sequence[Token]) -> Iterator[SqlFault]:
    for at, word in enumerate(words):
        if word.kind == "text" and "\\" in word.text:
            yield _refused(
                word.start, "has a backslash in a text, which Redshift reads as an escape", "a text without one"
            )
        following = words[at + 1] if at + 1 < len(words) else word
        top = word.name == "top" and at and words[at - 1].name in ("select", "distinct") and following.kind == "number"
        after_dot = at > 0 and words[at - 1].text in (".", "as")
        if word.kind == "word" and not after_dot and (top or (word.name in _REFUSED_WORDS and following.text != ",")):
            yield _refused(word.start, f"has {word.name.upper()}, of which nothing is proven", INSTEAD[word.name])


def _node(scopes: Scopes, scope: Scope, node: exp.Expr) -> Iterator[SqlFault]:
    match node:
        case exp.Div():
            kinds = {scopes.kind(scope, side) for side in (node.left, node.right)}
            if kinds != {"integer"} and not is_double(scopes, scope, node):
                yield _refused(
                    start_of(node), f"divides what isn't known to be whole numbers or double precision ({node.sql()})",
                    f"CAST({node.left.sql()} AS double precision) / ...",
                )  # fmt: skip
        case exp.Cast():
            yield from _cast(scopes, scope, node)
        case exp.Interval():
            unit = PARTS.get(str(node.args["unit"].this).lower()) if node.args.get("unit") else None
            if unit not in _SPANS:
                yield _refused(start_of(node), f"adds {node.sql()}", "DATEADD(month, 1, x), or days to seconds")
        case exp.ILike() | exp.RegexpLike():
            pattern = node.expression
            text = pattern.this if isinstance(pattern, exp.Literal) else None
            good = safe_pattern(text) if isinstance(node, exp.RegexpLike) else text is not None and text.isascii()
            if not good:
                instead = "letters, digits, [...], ., *, +, ?, ^ and $" if isinstance(node, exp.RegexpLike) else \
                    "LOWER(x) LIKE LOWER('...')"  # fmt: skip
                yield _refused(start_of(node), f"looks for what the two may find otherwise ({node.sql()})", instead)
        case exp.IgnoreNulls():
            yield _refused(start_of(node), "leaves out NULLs by IGNORE NULLS", "WITH ... WHERE x IS NOT NULL")
        case exp.Window():
            yield from _window(node)
        case exp.CurrentTimestamp() | exp.CurrentTime() | exp.Localtime() | exp.Localtimestamp():
            if "start" not in node.meta and not node.args.get("sysdate"):
                yield _refused(start_of(node), "asks for the moment", INSTEAD["getdate"])
        case _:
            # PIVOT is told by its word.
            if (
                not isinstance(node, (*_CLAUSES, *_OPERATORS, exp.Func, exp.Pivot))
                and node.find_ancestor(exp.Pivot) is None
            ):
                yield _refused(
                    start_of(node),
                    f"has {node.key.upper()}, which isn't among what is proven",
                    "what docs/one-sql.md lists",
                )


def _cast(scopes: Scopes, scope: Scope, node: exp.Cast) -> Iterator[SqlFault]:
    to, start = node.to, start_of(node)
    if type(node) is not exp.Cast or to.this not in _TYPES:
        said = to.sql(dialect="redshift")
        instead = (
            "varchar(n)"
            if to.this == exp.DataType.Type.TEXT
            else "whole numbers, decimal, double precision, boolean, date, timestamp, varchar(n)"
        )
        yield _refused(start, f"casts to {said}", instead)
    elif to.this == exp.DataType.Type.VARCHAR and not to.expressions:
        yield _refused(start, "casts to VARCHAR without a length: 256 bytes on Redshift, any here", "varchar(n)")
    elif to.this == exp.DataType.Type.VARCHAR and scopes.kind(scope, node.this) in ("moment", "boolean"):
        yield _refused(start, "casts a moment or a boolean to text", "TO_CHAR(x, 'YYYY-MM-DD'), or CASE")
    elif to.this in _WHOLE and scopes.kind(scope, node.this) not in ("integer", "text", "boolean"):
        inner = node.this.unnest()
        rounded = isinstance(inner, exp.Round) and inner.args.get("decimals") is None
        if not (isinstance(inner, _CUT) or rounded):
            yield _refused(
                start,
                f"makes a whole number of what may not be one ({node.this.sql()})",
                "ROUND(x), FLOOR(x) or TRUNC(x) inside",
            )


def _window(node: exp.Window) -> Iterator[SqlFault]:
    function, spec = node.this, node.args.get("spec")
    if isinstance(function, _FRAMED) and node.args.get("order") is not None and spec is None:
        yield SqlFault(
            f"Redshift wants the frame of {function.sql_name()} ... ORDER BY written out",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW, or ... UNBOUNDED FOLLOWING", start_of(node), kind="redshift",
        )  # fmt: skip
    elif spec is not None and str(spec.args.get("kind")).upper() != "ROWS":
        yield SqlFault("Redshift reads frames of ROWS only", "ROWS BETWEEN ...", start_of(node), kind="redshift")


def _refused(start: int, said: str, instead: str) -> SqlFault:
    return SqlFault(f"{said}; not on PostgreSQL", instead, start, kind="postgresql")
