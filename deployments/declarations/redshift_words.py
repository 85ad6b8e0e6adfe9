"""What SQL that was written for Redshift means on PostgreSQL: the same, something that is written otherwise, or nothing proven.

The one list of it: `redshift_sql` acts by it, docs/one-sql.md shows it, and tests run every line on a real server against the
value that Redshift documents. What isn't listed is refused on PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "rewritten", "refused"]


@dataclass(frozen=True, slots=True)
class Construct:
    """A construct as people write it for Redshift. `becomes`: what PostgreSQL gets, or what to write instead of it."""

    written: str
    verdict: Verdict
    becomes: str = ""
    only: str = ""
    """The case that is proven; other ones are refused."""


_SAME = """
abs bool_and bool_or btrim ceil ceiling char_length character_length coalesce count cume_dist dense_rank first_value floor
greatest lag last_value lead least length lower ltrim max md5 min mod nth_value ntile nullif octet_length percent_rank
percentile_disc position rank repeat replace reverse row_number rpad lpad rtrim sign strpos sum trim upper
"""
SAME_CALLS = frozenset(_SAME.split())
"""Functions of one meaning on both, whatever their values are."""

_A_MOMENT = "a moment of the data, such as (SELECT MAX(updated_at) FROM ...); by windows: {window.end}"

CONSTRUCTS: tuple[Construct, ...] = (
    Construct("CTEs, joins, UNION, INTERSECT, EXCEPT, subqueries, CASE, IN, BETWEEN, EXISTS, LIKE", "same"),
    Construct("GROUP BY, HAVING, ROLLUP, CUBE, GROUPING SETS, ORDER BY, LIMIT", "same",
              only="without NULLS FIRST or LAST, empty values come last, with DESC first: on both"),
    Construct("COUNT, SUM, MIN, MAX, BOOL_AND, BOOL_OR, COALESCE, NULLIF", "same"),
    Construct("GREATEST, LEAST", "same", only="both leave NULL out"),
    Construct("ROW_NUMBER, RANK, DENSE_RANK, NTILE, PERCENT_RANK, CUME_DIST, LAG, LEAD", "same", only="without IGNORE NULLS"),
    Construct("FIRST_VALUE, LAST_VALUE, NTH_VALUE, SUM ... OVER", "same",
              only="with ORDER BY, Redshift wants the frame written out: ROWS BETWEEN ..."),
    Construct("a || b", "same", only="NULL where one of them is"),
    Construct("LENGTH, LOWER, UPPER, TRIM, LPAD, RPAD, REPEAT, REPLACE, REVERSE, STRPOS, POSITION, MD5", "same"),
    Construct("ABS, CEIL, FLOOR, SIGN, MOD, %", "same"),
    Construct("ROUND(x, n)", "same", only="of whole numbers and decimals"),
    Construct("a / b", "same", only="of whole numbers (both cut), or with a double precision on one side"),
    Construct("SQRT(x)", "same", only="of double precision"),
    Construct("AVG(x)", "same", only="of double precision"),
    Construct("PERCENTILE_DISC, PERCENTILE_CONT", "same", only="as aggregates; PERCENTILE_CONT of double precision"),
    Construct("CAST, ::", "same", only="to whole numbers from whole numbers, text, or ROUND, FLOOR, CEIL, TRUNC"),
    Construct("x ILIKE 'a%'", "same", only="a pattern of ASCII"),
    Construct("SPLIT_PART(x, ',', 1)", "same", only="a number from 1 on"),
    Construct("TO_CHAR(x, 'YYYY-MM-DD')", "same", only="YYYY, MM, DD, HH24, MI, SS, Q and signs"),
    Construct("REGEXP_COUNT(x, '[0-9]+'), x ~ '^a'", "same", only="patterns of letters, digits, [...], ., *, +, ?, ^, $"),
    Construct("x + INTERVAL '1 day'", "same", only="weeks, days, hours, minutes, seconds"),
    Construct("CURRENT_DATE", "same", only="the day in UTC"),
    Construct("NVL(a, b)", "rewritten", "COALESCE(a, b)"),
    Construct("NVL2(a, b, c)", "rewritten", "CASE WHEN (a) IS NOT NULL THEN b ELSE c END"),
    Construct("DECODE(a, 1, b, NULL, c, d)", "rewritten",
              "CASE WHEN (a) IS NOT DISTINCT FROM (1) THEN b WHEN ... THEN c ELSE d END"),
    Construct("DATEADD(day, n, x)", "rewritten", "CAST(x AS timestamp) + n * INTERVAL '1 day'",
              "weeks to microseconds; n a whole number"),
    Construct("DATEADD(month, n, x)", "rewritten", "CAST(x AS timestamp) + n * INTERVAL '1 month'",
              "January 31 and a month are February 28 or 29"),
    Construct("DATEADD(quarter, n, x)", "rewritten", "CAST(x AS timestamp) + n * INTERVAL '3 month'", "as three months"),
    Construct("DATEADD(year, n, x)", "rewritten", "the month n years later, and the days since its first",
              "February 29 and a year are March 1, which PostgreSQL's interval makes February 28"),
    Construct("DATEDIFF(month, a, b)", "rewritten", "the difference of EXTRACT or DATE_TRUNC of both",
              "years, quarters, months, days, hours to microseconds: boundaries that were crossed"),
    Construct("DATEDIFF(week, DATE_TRUNC('week', a), DATE_TRUNC('week', b))", "rewritten", "the days between them / 7",
              "of beginnings of weeks, also as columns of a query inside: it isn't documented with which day other ones change"),
    Construct("DATE_TRUNC('month', x)", "rewritten", "DATE_TRUNC('month', CAST(x AS timestamp))",
              "of a date, PostgreSQL makes a moment with a zone"),
    Construct("EXTRACT(YEAR FROM x)", "rewritten", "CAST(FLOOR(EXTRACT(YEAR FROM x)) AS integer)", "years to seconds"),
    Construct("DATE_PART(year, x)", "rewritten", "DATE_PART('year', CAST(x AS timestamp))", "years to minutes"),
    Construct("LAST_DAY(x)", "rewritten", "the day before the next month's first"),
    Construct("ADD_MONTHS(x, n)", "rewritten", "x + n months", "a month's last day stays one"),
    Construct("MONTHS_BETWEEN(a, b)", "rewritten", "months, and days of 31 to a month"),
    Construct("NEXT_DAY(x, 'Tuesday')", "rewritten", "the first Tuesday after x"),
    Construct("TRUNC(x)", "rewritten", "CAST(x AS date)", "of a moment; of a decimal it is the same"),
    Construct("CONVERT_TIMEZONE('Asia/Seoul', x)", "rewritten", "x AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Seoul'",
              "zones by place, from UTC or a place whose clocks are never set back"),
    Construct("LEN(x)", "rewritten", "LENGTH(x)"),
    Construct("LEFT(x, 7), SUBSTRING(x, 1, 7)", "rewritten", "the same of TO_CHAR(x, 'YYYY-MM-DD')",
              "of a moment, its first 10 characters; of text it is the same"),
    Construct("CONCAT(a, b)", "rewritten", "(a) || (b)", "NULL where one of them is"),
    Construct("CHARINDEX(a, b)", "rewritten", "STRPOS(b, a)"),
    Construct("LISTAGG(x, ',') WITHIN GROUP (ORDER BY y)", "rewritten",
              "STRING_AGG(NULLIF(CAST(x AS text), ''), ',' ORDER BY y)", "as an aggregate; empty texts are left out"),
    Construct("MEDIAN(x)", "rewritten", "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)",
              "of whole numbers and double precision"),
    Construct("NULLIF(JSON_EXTRACT_PATH_TEXT(x, 'a'), '')", "rewritten", "the same of CAST(x AS json)",
              "what is absent is NULL in the documentation of today, and '' in that of before"),
    Construct("REGEXP_SUBSTR(x, '[0-9]+')", "rewritten", "COALESCE(REGEXP_SUBSTR(x, ...), '')", "'' where nothing is found"),
    Construct("REGEXP_REPLACE(x, '[0-9]+', '')", "rewritten", "REGEXP_REPLACE(x, ..., ..., 'g')", "all places, not the first"),
    Construct("a name that the SELECT gave before", "rewritten", "(its expression)",
              "where no table has a column of that name"),
    Construct("APPROXIMATE COUNT(DISTINCT x)", "rewritten", "COUNT(DISTINCT x)",
              "an exact count, where Redshift's may be off by about 2%"),
    Construct("RATIO_TO_REPORT(x) OVER (...)", "rewritten", "CAST(x AS double precision) / SUM(x) OVER (...)",
              "of numbers; a sum of 0 stops the build"),
    Construct("(SELECT a, b, x ...) PIVOT (SUM(x) FOR b IN ('y', 'z'))", "rewritten",
              "(SELECT a, SUM(CASE WHEN b = 'y' THEN x END) AS y, ... GROUP BY a)",
              "of a query that lists its columns; COUNT, SUM, MIN, MAX; a value that isn't a plain name has AS"),
    Construct("QUALIFY", "rewritten", "WHERE around the SELECT"),
    Construct("GETDATE(), SYSDATE, NOW()", "refused", _A_MOMENT),
    Construct("AVG of whole numbers or decimals", "refused",
              "AVG(CAST(x AS double precision)): Redshift gives a whole number, or as many digits as x has"),
    Construct("a / b of decimals", "refused", "CAST(a AS double precision) / b: they keep other numbers of digits"),
    Construct("MEDIAN of decimals", "refused", "MEDIAN(CAST(x AS double precision))"),
    Construct("LISTAGG, MEDIAN, PERCENTILE_CONT ... OVER", "refused", "WITH ... GROUP BY, and a join"),
    Construct("LISTAGG without WITHIN GROUP", "refused", "WITHIN GROUP (ORDER BY ...): in any order otherwise"),
    Construct("DATEDIFF(week, a, b)", "refused", "DATEDIFF(week, DATE_TRUNC('week', a), DATE_TRUNC('week', b))"),
    Construct("PIVOT of a table, or with other aggregates; UNPIVOT", "refused",
              "FROM (SELECT a, b, x FROM ...) PIVOT (...); SUM(CASE WHEN ... THEN x END); SELECT ... UNION ALL SELECT ..."),
    Construct("TOP n", "refused", "ORDER BY ... LIMIT n"),
    Construct("MINUS", "refused", "EXCEPT"),
    Construct("x + INTERVAL '1 month'", "refused", "DATEADD(month, 1, x)"),
    Construct("CAST(x AS varchar)", "refused", "CAST(x AS varchar(n)): without a length it is 256 bytes there, and any here"),
    Construct("a backslash in a text", "refused", "a text without one: Redshift reads it as an escape"),
    Construct("TO_DATE, TO_TIMESTAMP", "refused", "CAST(x AS date): a day that isn't there is moved on by Redshift"),
)  # fmt: skip

INSTEAD: dict[str, str] = {
    "getdate": _A_MOMENT, "sysdate": _A_MOMENT, "now": _A_MOMENT,
    "approximate": "COUNT(DISTINCT x), or PERCENTILE_DISC(...) without it",
    "to_date": "CAST(x AS date)", "to_timestamp": "CAST(x AS timestamp)",
    "isnull": "COALESCE(a, b)", "ifnull": "COALESCE(a, b)", "string_agg": "LISTAGG(x, ',') WITHIN GROUP (ORDER BY y)",
    "pivot": "FROM (SELECT a, b, x FROM ...) PIVOT (SUM(x) FOR b IN ('y' AS y)), or SUM(CASE WHEN ... THEN x END)",
    "unpivot": "SELECT ... UNION ALL SELECT ...", "minus": "EXCEPT",
    "top": "ORDER BY ... LIMIT n", "iif": "CASE WHEN ... THEN ... ELSE ... END",
}  # fmt: skip
"""What to write in place of words that are refused."""

_FOREIGN = """
add_months charindex convert_timezone dateadd datediff getdate last_day len listagg median months_between next_day nvl nvl2
ratio_to_report
"""
NOT_OF_POSTGRESQL = frozenset(_FOREIGN.split())
"""Functions of Redshift that PostgreSQL doesn't have."""

PARTS: dict[str, str] = {
    spelled: part
    for part, spellings in {
        "year": "year years y yr yrs", "quarter": "quarter quarters qtr qtrs", "month": "month months mon mons",
        "week": "week weeks w", "day": "day days d", "hour": "hour hours h hr hrs",
        "minute": "minute minutes m min mins", "second": "second seconds s sec secs",
        "millisecond": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
        "microsecond": "microsecond microseconds microsec microsecs usecond useconds us usec usecs",
        "doy": "dayofyear doy dy yearday", "dow": "dayofweek dow dw weekday", "epoch": "epoch",
    }.items()
    for spelled in spellings.split()
}  # fmt: skip
"""How Redshift's date parts may be spelled; `m` is a minute."""

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
NEVER_SET_BACK = ("UTC", "Etc/UTC", "Asia/Seoul", "Asia/Tokyo", "Asia/Kolkata", "Asia/Singapore")
"""Zones in which each local time has come once, since 1990."""


def as_page() -> str:
    """The list as the tables of docs/one-sql.md."""
    parts = []
    for verdict, title, head in (
        ("same", "The same on both", "| what | only |\n|---|---|"),
        ("rewritten", "Rewritten for PostgreSQL", "| written | PostgreSQL gets | only |\n|---|---|---|"),
        ("refused", "Refused on PostgreSQL", "| what | write instead |\n|---|---|"),
    ):
        rows = [
            "| " + " | ".join(_cell(text) for text in _cells(item)) + " |"
            for item in CONSTRUCTS
            if item.verdict == verdict
        ]
        parts.append("\n".join((f"## {title}", "", head, *rows)))
    return "\n\n".join(parts) + "\n"


def _cells(item: Construct) -> tuple[str, ...]:
    if item.verdict == "same":
        return item.written, item.only
    return (item.written, item.becomes, item.only) if item.verdict == "rewritten" else (item.written, item.becomes)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
