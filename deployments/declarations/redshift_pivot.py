"""PIVOT of Redshift as the GROUP BY that it stands for, in the tree of a statement; what isn't proven is left as it stands."""

from __future__ import annotations

import re

from sqlglot import exp

PIVOTED = "headgate_pivoted"
"""Mark in the meta of a query that stands for a PIVOT."""
_AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def without_pivots(tree: exp.Expr) -> exp.Expr:
    """The same tree; each `(SELECT a, b, ...) PIVOT (SUM(b) FOR a IN ('x', ...))` as SUM(CASE WHEN a = 'x' THEN b END) by
    the columns that are left. Names keep the places where they stand in the text."""
    for pivot in list(tree.find_all(exp.Pivot)):
        source = pivot.parent
        if isinstance(source, exp.Subquery) and len(source.args["pivots"]) == 1:
            instead = _grouped(pivot, source)
            if instead is not None:
                source.replace(instead)
    return tree


def _grouped(pivot: exp.Pivot, source: exp.Subquery) -> exp.Subquery | None:
    """None of what isn't proven: no GROUP BY is sure to mean the same."""
    query, figures = source.this, list(pivot.expressions)
    fields = pivot.args.get("fields") or []
    if not isinstance(query, exp.Select) or pivot.args.get("unpivot") or len(fields) != 1 or not figures:
        return None
    field, named = fields[0], [column.name for column in pivot.args.get("columns") or ()]
    by, made = field.this, [column.alias_or_name for column in query.selects]
    values = [_value(item) for item in field.expressions]
    inner = [figure.unalias() for figure in figures]
    read = {by.name, *(figure.this.name for figure in inner if isinstance(figure.this, exp.Column))}
    rest = [name for name in made if name not in read]
    sound = (
        isinstance(by, exp.Column)
        and not any(column.is_star for column in query.selects)
        and all(value is not None for value in values)
        and all(isinstance(figure, _AGGREGATES) and isinstance(figure.this, exp.Column | exp.Star) for figure in inner)
        and (len(figures) == 1 or all(isinstance(figure, exp.Alias) for figure in figures))
        and len(named) == len(values) * len(figures)
        and all(_PLAIN.fullmatch(name) for name in (*made, *named))
        and len({*rest, *named}) == len(rest) + len(named)
        and read <= set(made)
        and rest
    )
    if not sound:
        return None
    columns: list[exp.Expr] = [exp.column(name) for name in rest]
    pairs = [(value, figure) for value in values for figure in inner]
    for name, (value, figure) in zip(named, pairs, strict=True):
        assert value is not None
        columns.append(exp.alias_(_of_value(figure, by, value), name))
    grouped = exp.select(*columns).from_(_without_pivot(source)).group_by(*(exp.column(name) for name in rest))
    alias = pivot.args.get("alias") or source.args.get("alias")
    made_of = exp.Subquery(this=grouped, alias=None if alias is None else alias.copy())
    made_of.meta[PIVOTED] = by.this.meta.get("start", -1)
    return made_of


def _value(item: exp.Expr) -> exp.Expr | None:
    value = item.this if isinstance(item, exp.PivotAlias) else item
    negative = isinstance(value, exp.Neg) and isinstance(value.this, exp.Literal)
    return value if isinstance(value, exp.Literal | exp.Null) or negative else None


def _of_value(figure: exp.Expr, by: exp.Expr, value: exp.Expr) -> exp.Expr:
    """The aggregate of the rows of one value; an empty one finds the rows without any."""
    found = exp.Is(this=by.copy(), expression=value) if isinstance(value, exp.Null) else exp.EQ(
        this=by.copy(), expression=value.copy()
    )  # fmt: skip
    counted = exp.Literal.number(1) if isinstance(figure.this, exp.Star) else figure.this.copy()
    of_rows = figure.copy()
    of_rows.set("this", exp.Case(ifs=[exp.If(this=found, true=counted)]))
    return of_rows


def _without_pivot(source: exp.Subquery) -> exp.Subquery:
    plain = source.copy()
    plain.set("pivots", None)
    if not plain.alias:
        plain.set("alias", exp.TableAlias(this=exp.to_identifier("hg_q")))
    return plain
