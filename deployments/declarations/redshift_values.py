"""What is sure of the values of an expression that was written for Redshift, beyond the kind that `Scopes` tells."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from deployments.declarations.redshift_words import PARTS
from deployments.declarations.sql_scopes import Scopes


def is_double(scopes: Scopes, scope: Scope, node: exp.Expr | None) -> bool:
    """Whether an expression is double precision for sure."""

    def double(inner: exp.Expr | None) -> bool:
        return is_double(scopes, scope, inner)

    match node:
        case exp.Cast():
            return node.to.this in (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT)
        case exp.Column():
            found = scopes.find(scope, node)
            if found is None:
                return False
            if found.column is not None:
                return found.column.is_double
            return found.scope is not None and is_double(scopes, found.scope, found.expression)
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
            return double(node.left) or double(node.right)
        case exp.Case():
            return any(double(branch.args["true"]) for branch in node.args["ifs"])
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            return any(double(item) for item in (node.this, *node.expressions))
        case exp.WithinGroup():
            return double(node.expression.expressions[0].this if isinstance(node.this, exp.PercentileCont) else None)
        case exp.MonthsBetween() | exp.Sqrt() | exp.PercentRank() | exp.CumeDist():
            return True
        case exp.Anonymous():
            return str(node.this).lower() == "ratio_to_report"
        case (
            exp.Paren()
            | exp.Neg()
            | exp.Nullif()
            | exp.Sum()
            | exp.Avg()
            | exp.Min()
            | exp.Max()
            | exp.Abs()
            | exp.Window()
        ):
            return double(node.this)
    return False


def begins_week(scopes: Scopes, scope: Scope, node: exp.Expr | None) -> bool:
    """Whether an expression is the first moment of a week for sure: what DATE_TRUNC('week', ...) gives."""
    match node:
        case exp.TimestampTrunc() | exp.DateTrunc():
            return PARTS.get(str(node.args["unit"].name).lower()) == "week"
        case exp.Cast():
            to_moment = node.to.this in (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP)
            return to_moment and begins_week(scopes, scope, node.this)
        case exp.Column():
            found = scopes.find(scope, node)
            return found is not None and found.scope is not None and begins_week(scopes, found.scope, found.expression)
        case exp.Paren() | exp.Min() | exp.Max() | exp.Window():
            return begins_week(scopes, scope, node.this)
    return False
