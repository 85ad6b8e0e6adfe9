"""SQL that was written for Redshift, as PostgreSQL gets it: the same text, with other words where the same mean another value.

Only what `redshift_words` lists is let through; the rest is a fault of kind `postgresql`, with what to write instead. The text is
edited, not made anew from a tree, so that whatever isn't touched stays as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope

from deployments.declarations.redshift_calls import Call, Span, written
from deployments.declarations.redshift_clauses import clause_faults
from deployments.declarations.redshift_pivot import PIVOTED
from deployments.declarations.redshift_values import begins_week, is_double
from deployments.declarations.redshift_words import SAME_CALLS
from deployments.declarations.select import start_of, tree_of
from deployments.declarations.sql_scopes import Known, Scopes
from deployments.declarations.sql_text import SqlFault, Token, tokens

_KEPT, _INNER = "hg_kept", "hg_q"
_AFTER_QUALIFY = ("order", "limit", "offset", "union", "except", "intersect")
_BEFORE_PARENTHESES = """
in exists any some all and or not when then else from join on using as over values where having by select group filter
within case distinct union except intersect between like ilike is qualify limit rollup cube sets partition order
pivot unpivot
"""
_KEYWORDS = frozenset(_BEFORE_PARENTHESES.split())
_TYPES = ("varchar", "char", "decimal", "numeric", "timestamp", "float", "character")
_ORDERED = frozenset(("listagg", "percentile_cont", "percentile_disc"))


@dataclass(frozen=True, slots=True)
class ForPostgres:
    """What PostgreSQL gets, and what of the SQL isn't proven to mean the same there."""

    text: str
    faults: tuple[SqlFault, ...]


def for_postgresql(sql: str, tables: Mapping[str, Known]) -> ForPostgres:
    """Rewrite a SELECT that `read_select` finds sound. `tables`: what is declared of the tables it reads."""
    tree = tree_of(sql, "redshift")
    if tree is None:
        return ForPostgres(sql, ())
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        for scope in scopes.all:
            scopes.relations(scope)
    except SqlglotError:
        # `select_faults` tells of it.
        return ForPostgres(sql, ())
    writing = Writing(sql, tokens(sql), scopes)
    text = writing.all()
    faults = (*writing.faults, *clause_faults(scopes, writing.tokens, writing.proven))
    return ForPostgres(text, tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.start)))


class Writing:
    """One text on its way: its tokens, what is known of its columns, and the faults that were found."""

    def __init__(self, sql: str, words: list[Token], scopes: Scopes) -> None:
        self.sql, self.tokens, self.scopes = sql, words, scopes
        self.faults: list[SqlFault] = []
        self._closing = dict(_pairs(words))
        self._scope_at = {
            node.meta["start"]: scope for scope in scopes.all for node in scope.walk() if "start" in node.meta
        }
        self._instead: dict[int, tuple[int, Callable[[], str]]] = {}
        self._before: dict[int, Callable[[], str]] = {}
        self.proven: set[int] = set()
        """Where words stand that are refused elsewhere."""
        self._name_given()
        for at, word in enumerate(words):
            if word.name == "qualify" and word.kind == "word":
                self._qualify(at)
            elif [word.name for word in words[at : at + 4]] == ["approximate", "count", "(", "distinct"]:
                self._instead[at] = (at + 2, lambda at=at: self.tokens[at + 1].text)  # type: ignore[misc]
                self.proven.add(word.start)
            elif word.name == "pivot" and word.kind == "word" and words[at + 1 : at + 2] and words[at + 1].text == "(":
                self._pivot(at)

    def all(self) -> str:
        return self.sql[: self.tokens[0].start] + self.written(0, len(self.tokens))

    def refuse(self, at: int, said: str, instead: str) -> None:
        self.faults.append(SqlFault(f"{said}; not on PostgreSQL", instead, self.tokens[at].start, kind="postgresql"))

    def written(self, start: int, end: int) -> str:
        """The text of some tokens as PostgreSQL gets it."""
        parts: list[str] = []
        at = start
        while at < end:
            if at > start:
                parts.append(self._blank(at))
            if at in self._before:
                parts.append(self._before[at]())
            if at in self._instead:
                following, text = self._instead[at]
                parts.append(text())
                at = following
            elif self._is_call(at):
                text_of, at = self._call(at)
                parts.append(text_of)
            else:
                parts.append(self.tokens[at].text)
                at += 1
        return "".join(parts)

    def plain(self, start: int, end: int) -> str:
        """A call with its arguments written anew."""
        head = self.tokens[start].text + self._blank(start + 1) + "("
        inner = self.written(start + 2, end - 1)
        return head + (self._blank(start + 2) if inner else "") + inner + self._blank(end - 1) + ")"

    def kind(self, span: Span) -> str | None:
        """What values a part of the text gives; None when that isn't sure."""
        node, scope = self._node(span)
        return None if node is None or scope is None else self.scopes.kind(scope, node)

    def is_double(self, span: Span) -> bool:
        """Whether a part of the text is double precision for sure."""
        return self._holds(is_double, span)

    def begins_week(self, span: Span) -> bool:
        """Whether a part of the text is the beginning of a week for sure."""
        return self._holds(begins_week, span)

    def _holds(self, told: Callable[[Scopes, Scope, exp.Expr | None], bool], span: Span) -> bool:
        node, scope = self._node(span)
        return node is not None and scope is not None and told(self.scopes, scope, node)

    def _node(self, span: Span) -> tuple[exp.Expr | None, Scope | None]:
        start, end = span
        inside = [self._scope_at[word.start] for word in self.tokens[start:end] if word.start in self._scope_at]
        try:
            node = parse_one(self._raw(start, end), read="redshift")
        except SqlglotError:
            return None, None
        scope = inside[0] if inside else self.scopes.all[-1]
        return normalize_identifiers(node, dialect="postgres"), scope

    def _raw(self, start: int, end: int) -> str:
        return self.sql[self.tokens[start].start : _end(self.tokens[end - 1])]

    def _blank(self, at: int) -> str:
        return self.sql[_end(self.tokens[at - 1]) : self.tokens[at].start]

    def _is_call(self, at: int) -> bool:
        word = self.tokens[at]
        if not word.is_name or at + 1 >= len(self.tokens) or self.tokens[at + 1].text != "(":
            return False
        before = self.tokens[at - 1].name if at else ""
        named = before in ("with", "recursive", "as", ")") or (before == "," and self._names_a_query(at))
        is_keyword = word.kind == "word" and word.name in _KEYWORDS
        of_a_type = word.name in _TYPES and before in ("as", ":")
        return not (is_keyword or of_a_type or word.name == "cast" or named)

    def _names_a_query(self, at: int) -> bool:
        closing = self._closing[at + 1]
        return [word.text.lower() for word in self.tokens[closing + 1 : closing + 3]] == ["as", "("]

    def _call(self, at: int) -> tuple[str, int]:
        closing = self._closing[at + 1]
        call = Call(self, self.tokens[at].name, at, closing + 1, list(self._listed(at + 2, closing)))
        if call.name == "ratio_to_report":
            return self._ratio(call)
        return self._ordered(call) if call.name in _ORDERED else (written(call, SAME_CALLS), call.end)

    def _listed(self, start: int, end: int) -> Iterator[Span]:
        """Parts between commas."""
        first, at = start, start
        while at < end:
            if self.tokens[at].text == ",":
                yield first, at
                first = at + 1
            at = self._closing[at] + 1 if at in self._closing else at + 1
        if first < end:
            yield first, end

    def _ordered(self, call: Call) -> tuple[str, int]:
        """LISTAGG and percentiles, with the WITHIN GROUP (ORDER BY ...) behind them."""
        words, at = self.tokens, call.end
        if [word.name for word in words[at : at + 3]] != ["within", "group", "("]:
            said = f"calls {call.name.upper()} without an order, so that any one may come out"
            return call.refuse(said, "WITHIN GROUP (ORDER BY ...)"), call.end
        closing = self._closing[at + 2]
        order, end = (at + 5, closing), closing + 1
        as_it_stands = self.plain(call.start, call.end) + self._blank(at) + self.written(at, end)
        if end < len(words) and words[end].name == "over":
            return call.refuse(f"asks for {call.name.upper()} ... OVER", "WITH ... GROUP BY, and a join"), call.end
        if call.name != "listagg":
            by = next(self._listed(*order))
            by = (by[0], by[1] - 1) if words[by[1] - 1].name in ("asc", "desc") else by
            if call.name == "percentile_cont" and not self.is_double(by):
                said = "asks for a percentile of decimals: how many digits it has isn't documented"
                self.refuse(call.start, said, "WITHIN GROUP (ORDER BY CAST(x AS double precision))")
            return as_it_stands, end
        return self._listagg(call, order, as_it_stands), end

    def _listagg(self, call: Call, order: Span, as_it_stands: str) -> str:
        (start, last), separator = call.args[0], call.text(1) if len(call.args) > 1 else "''"
        distinct = self.tokens[start].name == "distinct"
        start += distinct
        value = f"NULLIF(CAST({self.written(start, last)} AS text), '')"
        kind = self.kind((start, last))
        if kind not in ("text", "integer"):
            self.refuse(
                call.start,
                "lists what isn't known to be text or whole numbers",
                "LISTAGG(TO_CHAR(x, ...), ','); or CAST to varchar(n)",
            )
            return as_it_stands
        by = self.written(*order)
        if distinct:
            if self._raw(start, last).lower() != self._raw(*order).lower() or kind != "text":
                self.refuse(
                    call.start,
                    "lists different values in the order of others",
                    "LISTAGG(DISTINCT x, ',') WITHIN GROUP (ORDER BY x), x a text",
                )
                return as_it_stands
            by = value
        return f"STRING_AGG({'DISTINCT ' if distinct else ''}{value}, {separator} ORDER BY {by})"

    def _ratio(self, call: Call) -> tuple[str, int]:
        """RATIO_TO_REPORT with the OVER (...) behind it, which has no order."""
        words, at = self.tokens, call.end
        if [word.name for word in words[at : at + 2]] != ["over", "("]:
            return call.refuse("calls RATIO_TO_REPORT without OVER (...)", "OVER (PARTITION BY ...)"), call.end
        end = self._closing[at + 1] + 1
        if len(call.args) != 1 or call.kind(0) not in ("integer", "number"):
            instead = "CAST(x AS double precision) / SUM(x) OVER (...)"
            return call.refuse("takes the share of what isn't known to be a number", instead), call.end
        of_all = f"SUM({call.text(0)}) {self.written(at, end)}"
        return f"(CAST({call.text(0)} AS double precision) / CAST({of_all} AS double precision))", end

    def _pivot(self, at: int) -> None:
        """Put a GROUP BY into the place of a PIVOT, where one is proven to mean the same."""
        words, closing = self.tokens, self._closing[at + 1]
        inside = range(words[at].start, words[closing].start)
        marked = (scope.expression.parent for scope in self.scopes.all)
        query = next((node for node in marked if node is not None and node.meta.get(PIVOTED, -1) in inside), None)
        if query is None:
            return
        source = at - 1
        while words[source].text != ")":
            source -= 1
        first = {closed: opened for opened, closed in self._closing.items()}[source]
        end = closing + 1
        if end < len(words) and words[end].name == "as":
            end += 2
        elif query.alias and words[end].is_name and words[end].name == query.alias:
            end += 1
        select, named = query.this, query.alias or f"{_INNER}{at}"
        columns = ", ".join(column.sql(dialect="postgres") for column in select.selects)
        group = ", ".join(column.sql(dialect="postgres") for column in select.args["group"].expressions)

        def grouped() -> str:
            inner = f"({self._blank(first + 1)}{self.written(first + 1, source + 1)}"
            return f"(SELECT {columns} FROM {inner} AS {_INNER} GROUP BY {group}) AS {named}"

        self.proven.add(words[at].start)
        self._instead[first] = (end, grouped)

    def _name_given(self) -> None:
        """Names that a SELECT gives and that stand for their expression further on, in its columns and in QUALIFY."""
        at_start = {word.start: at for at, word in enumerate(self.tokens)}
        for scope in self.scopes.all:
            select = scope.expression
            if not isinstance(select, exp.Select):
                continue
            known: dict[str, Span] = {}
            for column in select.selects:
                self._point_to(scope, column, known, at_start)
                if isinstance(column, exp.Alias):
                    alias = at_start.get(start_of(column.args["alias"]), 0)
                    end = alias - 1 if self.tokens[alias - 1].name == "as" else alias
                    known[column.alias] = (self._beginning(alias), end)
            if select.args.get("qualify") is not None:
                self._point_to(scope, select.args["qualify"], known, at_start)

    def _point_to(self, scope: Scope, node: exp.Expr, known: Mapping[str, Span], at_start: Mapping[int, int]) -> None:
        for column in node.find_all(exp.Column):
            span = known.get(column.name)
            if span is None or column.table or column.find_ancestor(exp.Select) is not scope.expression:
                continue
            at = at_start.get(start_of(column))
            names = [self.scopes.names(source) for source in self.scopes.relations(scope).values()]
            if at is None or any(there is not None and column.name in there for there in names):
                continue
            if any(there is None for there in names):
                said = (
                    f"'{column.name}' may be a name that this SELECT gives, or a column of a table that nobody declared"
                )
                self.refuse(at, said, "another name for one of them")
            else:
                self._instead[at] = (at + 1, lambda span=span: f"({self.written(*span)})")  # type: ignore[misc]

    def _beginning(self, at: int) -> int:
        """The first token of the column that ends at `at`: behind a comma, SELECT or DISTINCT of the same depth."""
        opening = {closing: opened for opened, closing in self._closing.items()}
        while at > 0:
            before = self.tokens[at - 1]
            if before.text in (",", "(") or (before.kind == "word" and before.name in ("select", "distinct", "all")):
                return at
            at = opening.get(at - 1, at - 1)
        return at

    def _qualify(self, at: int) -> None:
        """Put the SELECT into another one, whose WHERE is the QUALIFY."""
        select, source, end = self._frame(at)
        words = self.tokens
        distinct = words[select + 1].name == "distinct"
        columns = list(self._listed(select + 1 + distinct, source))
        names = [self._named(span) for span in columns]
        behind = {word.name for word in words[end : end + 1]}
        if None in names or len(set(names)) < len(names):
            self.refuse(at, "has QUALIFY below a column without a name of its own", "AS name for each column, no *")
            return
        if "order" in behind and not self._orders_by(end, names):
            self.refuse(
                at, "has QUALIFY, and is ordered by what isn't one of its columns", "ORDER BY columns of the SELECT"
            )
            return
        listed = ", ".join(name for name in names if name is not None)
        outer = f"SELECT {'DISTINCT ' if distinct else ''}{listed} FROM (SELECT "
        first = select + 1 + distinct
        self._instead[select] = (first, lambda: outer[:-1])
        self._before[source] = lambda: f", ({self.written(at + 1, end)}) AS {_KEPT} "
        self._instead[at] = (end, lambda: f") AS {_INNER} WHERE {_KEPT}")

    def _frame(self, at: int) -> tuple[int, int, int]:
        """The SELECT and the FROM that a QUALIFY belongs to, and the end of its condition."""
        opening = {closing: opened for opened, closing in self._closing.items()}
        select, source = at, at
        while self.tokens[select].name != "select" or self.tokens[select].kind != "word":
            if self.tokens[select].name == "from" and self.tokens[select - 1].name != "distinct":
                source = select
            select = opening.get(select - 1, select - 1)
        end = at + 1
        while end < len(self.tokens) and self.tokens[end].text != ")" and self.tokens[end].name not in _AFTER_QUALIFY:
            end = self._closing[end] + 1 if end in self._closing else end + 1
        return select, source, end

    def _named(self, span: Span) -> str | None:
        start, end = span
        last = self.tokens[end - 1]
        alone = end == start + 1 or self.tokens[end - 2].text == "." or self.tokens[end - 2].name == "as"
        spoken = (
            not alone and (self.tokens[end - 2].text == ")" or self.tokens[end - 2].kind != "sign") and last.is_name
        )
        return last.text if last.is_name and (alone or (spoken and last.name != "end")) else None

    def _orders_by(self, order: int, names: list[str | None]) -> bool:
        end = order + 2
        while end < len(self.tokens) and self.tokens[end].text != ")" and self.tokens[end].name not in _AFTER_QUALIFY:
            end = self._closing[end] + 1 if end in self._closing else end + 1
        for start, last in self._listed(order + 2, end):
            words = [
                word.text
                for word in self.tokens[start:last]
                if word.name not in ("asc", "desc", "nulls", "first", "last")
            ]
            if len(words) != 1 or not (words[0] in names or words[0].isdigit()):
                return False
        return True


def _pairs(words: list[Token]) -> Iterator[tuple[int, int]]:
    """Opening parentheses and those that close them."""
    stack: list[int] = []
    for at, word in enumerate(words):
        if word.text == "(":
            stack.append(at)
        elif word.text == ")" and stack:
            yield stack.pop(), at


def _end(word: Token) -> int:
    return word.start + len(word.text)
