"""SQL as it is written for Redshift, with the value Redshift documents, and what is refused."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from deployments.declarations.redshift_words import CONSTRUCTS

T = datetime

LINES = {item.written: item for item in CONSTRUCTS}
"""A line of the list: SELECT lists (or whole SELECTs) and the rows they give. An expression is asked of one row of nobody's."""
VALUES: dict[str, list[tuple[str, Any]]] = {
    "CTEs, joins, UNION, INTERSECT, EXCEPT, subqueries, CASE, IN, BETWEEN, EXISTS, LIKE": [
        (
            "WITH q AS (SELECT id, a FROM raw.t WHERE id IN (1, 2)) SELECT q.id, CASE WHEN t.a LIKE 'b%' THEN 'b' END AS c "
            "FROM q JOIN raw.t AS t ON t.id = q.id ORDER BY 1",
            [(1, "b"), (2, None)],
        ),
        ("SELECT id FROM raw.t EXCEPT SELECT id FROM raw.t WHERE id BETWEEN 2 AND 4", [(1,)]),
        (
            "SELECT id FROM raw.t AS o WHERE EXISTS (SELECT 1 AS x FROM raw.t AS i WHERE i.n = o.n AND i.id < o.id)",
            [(4,)],
        ),
    ],
    "GROUP BY, HAVING, ROLLUP, CUBE, GROUPING SETS, ORDER BY, LIMIT": [
        ("SELECT n FROM raw.t ORDER BY n, id", [(1,), (2,), (2,), (None,)]),
        ("SELECT n FROM raw.t ORDER BY n DESC LIMIT 1", [(None,)]),
        ("SELECT n, COUNT(*) AS c FROM raw.t GROUP BY ROLLUP (n) HAVING COUNT(*) > 1 ORDER BY 2", [(2, 2), (None, 4)]),
    ],
    "COUNT, SUM, MIN, MAX, BOOL_AND, BOOL_OR, COALESCE, NULLIF": [
        (
            "SELECT COUNT(n) AS c, SUM(d) AS s, MIN(day) AS i, MAX(f) AS x, BOOL_OR(n = 1) AS o, BOOL_AND(n = 1) AS b FROM raw.t",
            [(3, Decimal("-0.75"), date(2016, 2, 29), 4.0, True, False)],
        ),
        ("COALESCE(NULL, NULLIF(1, 1), 3)", 3),
    ],
    "GREATEST, LEAST": [("GREATEST(1, NULL, 3)", 3), ("LEAST(2, NULL, 1)", 1)],
    "ROW_NUMBER, RANK, DENSE_RANK, NTILE, PERCENT_RANK, CUME_DIST, LAG, LEAD": [
        (
            "SELECT id, RANK() OVER (ORDER BY n) AS r, DENSE_RANK() OVER (ORDER BY n) AS s, LAG(id) OVER (ORDER BY id) AS p "
            "FROM raw.t ORDER BY id",
            [(1, 1, 1, None), (2, 2, 2, 1), (3, 4, 3, 2), (4, 2, 2, 3)],
        ),
    ],
    "FIRST_VALUE, LAST_VALUE, NTH_VALUE, SUM ... OVER": [
        (
            "SELECT id, SUM(n) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS s, LAST_VALUE(id) OVER (ORDER BY id ROWS BETWEEN "
            "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l FROM raw.t ORDER BY id",
            [(1, 1, 4), (2, 3, 4), (3, 3, 4), (4, 5, 4)],
        ),
    ],
    "a || b": [("'a' || 'b'", "ab"), ("'a' || NULL", None)],
    "LENGTH, LOWER, UPPER, TRIM, LPAD, RPAD, REPEAT, REPLACE, REVERSE, STRPOS, POSITION, MD5": [
        ("LENGTH('Ørn')", 3),
        ("LOWER('ØA')", "øa"),
        ("LPAD('7', 3, '0')", "007"),
        ("STRPOS('abc', 'c')", 3),
        ("POSITION('z' IN 'abc')", 0),
        ("TRIM(BOTH 'x' FROM 'xax')", "a"),
        ("REPLACE('aa', 'a', 'b')", "bb"),
    ],
    "ABS, CEIL, FLOOR, SIGN, MOD, %": [
        ("MOD(-7, 3)", -1),
        ("-7 % 3", -1),
        ("FLOOR(-1.5)", Decimal(-2)),
        ("CEIL(-1.5)", Decimal(-1)),
    ],
    "ROUND(x, n)": [("ROUND(2.5)", Decimal(3)), ("ROUND(-2.5)", Decimal(-3)), ("ROUND(1.005, 2)", Decimal("1.01"))],
    "a / b": [("7 / 2", 3), ("-7 / 2", -3), ("CAST(1 AS double precision) / 4", 0.25)],
    "SQRT(x)": [("SQRT(CAST(9 AS double precision))", 3.0)],
    "AVG(x)": [
        ("SELECT AVG(f) AS m FROM raw.t", [(8 / 3,)]),
        ("SELECT AVG(CAST(n AS double precision)) AS m FROM raw.t", [(5 / 3,)]),
    ],
    "PERCENTILE_DISC, PERCENTILE_CONT": [
        (
            "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f) AS c, PERCENTILE_DISC(0.5) WITHIN GROUP "
            "(ORDER BY n DESC) AS p FROM raw.t",
            [(2.5, 2)],
        ),
    ],
    "CAST, ::": [
        ("CAST('12' AS integer)", 12),
        ("ROUND(1.5)::integer", 2),
        ("CAST(109.652 AS decimal(4,1))", Decimal("109.7")),
    ],
    "x ILIKE 'a%'": [("'Abc' ILIKE 'a%'", True), ("NULL ILIKE 'a%'", None)],
    "SPLIT_PART(x, ',', 1)": [("SPLIT_PART('a,b', ',', 2)", "b"), ("SPLIT_PART('a,b', ',', 3)", "")],
    "TO_CHAR(x, 'YYYY-MM-DD')": [
        ("TO_CHAR(TIMESTAMP '2009-12-31 23:15:59', 'YYYY-MM-DD HH24:MI:SS')", "2009-12-31 23:15:59")
    ],
    "REGEXP_COUNT(x, '[0-9]+'), x ~ '^a'": [("REGEXP_COUNT('a1b22', '[0-9]+')", 2), ("'abc' ~ '^a'", True)],
    "x + INTERVAL '1 day'": [("TIMESTAMP '2024-02-28 12:00:00' + INTERVAL '1 day'", T(2024, 2, 29, 12))],
    "CURRENT_DATE": [("CURRENT_DATE - CURRENT_DATE", 0)],
    "NVL(a, b)": [("NVL(NULL, 2)", 2), ("NVL(NULL, NULL, 3)", 3)],
    "NVL2(a, b, c)": [("NVL2(1, 'y', 'n')", "y"), ("NVL2(NULL, 'y', 'n')", "n"), ("NVL2('', 'y', 'n')", "y")],
    "DECODE(a, 1, b, NULL, c, d)": [
        ("DECODE(1, 1, 'b', NULL, 'c', 'd')", "b"),
        ("DECODE(NULL, 1, 'b', NULL, 'c', 'd')", "c"),
        ("DECODE(9, 1, 'b', NULL, 'c', 'd')", "d"),
        ("DECODE(9, 1, 'b')", None),
        ("DECODE(DATE '2008-06-01', '2008-06-01', 'June 1st, 2008')", "June 1st, 2008"),
    ],
    "DATEADD(day, n, x)": [
        ("DATEADD(day, 30, DATE '2008-11-01')", T(2008, 12, 1)),
        ("DATEADD(m, 30, '2008-02-28')", T(2008, 2, 28, 0, 30)),
        ("DATEADD(day, -1, '2024-03-01')", T(2024, 2, 29)),
        ("DATEADD(week, 1, '2024-02-26')", T(2024, 3, 4)),
        ("DATEADD(day, NULL, '2024-03-01')", None),
        ("DATEADD(ms, 1500, '2024-03-01')", T(2024, 3, 1, 0, 0, 1, 500000)),
        ("SELECT DATEADD(day, n, day) AS x FROM raw.t WHERE id IN (2, 3) ORDER BY id", [(T(2024, 3, 2),), (None,)]),
    ],
    "DATEADD(month, n, x)": [
        ("DATEADD(month, 18, '2008-02-28')", T(2009, 8, 28)),
        ("DATEADD(month, 1, '2008-04-30')", T(2008, 5, 30)),
        ("DATEADD(month, 12, '2016-02-29')", T(2017, 2, 28)),
        ("DATEADD(mon, -1, '2024-03-31')", T(2024, 2, 29)),
    ],
    "DATEADD(quarter, n, x)": [
        ("DATEADD(quarter, 1, '2023-11-30')", T(2024, 2, 29)),
        ("DATEADD(qtr, -1, '2024-05-31 10:00:00')", T(2024, 2, 29, 10)),
        ("DATEADD(qtrs, 4, DATE '2024-01-31')", T(2025, 1, 31)),
        ("DATEADD(quarter, NULL, '2024-01-31')", None),
    ],
    "DATEADD(year, n, x)": [
        ("DATEADD(year, 1, '2016-02-29')", T(2017, 3, 1)),
        ("DATEADD(y, 4, '2016-02-29 10:30:00')", T(2020, 2, 29, 10, 30)),
        ("DATEADD(year, -1, '2017-12-31')", T(2016, 12, 31)),
    ],
    "DATEDIFF(month, a, b)": [
        ("DATEDIFF(year, '2008-12-31', '2009-01-01')", 1),
        ("DATEDIFF(year, '2009-01-01', '2008-12-31')", -1),
        ("DATEDIFF(month, '2024-01-31', '2024-02-01')", 1),
        ("DATEDIFF(hour, '2009-01-01 08:59:59', '2009-01-01 10:00:00')", 2),
        ("DATEDIFF(day, NULL, '2024-01-01')", None),
        ("DATEDIFF(minute, '2024-01-01 00:00:59', '2024-01-01 00:01:00')", 1),
        ("DATEDIFF(second, '2024-01-01 00:00:00.9', '2024-01-01 00:00:01.1')", 1),
        ("DATEDIFF(ms, '2024-01-01 00:00:00.001', '2024-01-01 00:00:00.003')", 2),
        ("DATEDIFF(day, '2024-02-28 23:59:59', '2024-03-01 00:00:00')", 2),
        ("DATEDIFF(qtr, '2023-12-31 23:59:59', '2024-01-01')", 1),
        ("DATEDIFF(quarter, '2024-01-01', '2024-03-31 23:59:59')", 0),
        ("DATEDIFF(quarter, '2024-04-01', '2023-09-30')", -3),
        ("DATEDIFF(quarter, NULL, '2024-01-01')", None),
    ],
    "DATEDIFF(week, DATE_TRUNC('week', a), DATE_TRUNC('week', b))": [
        ("DATEDIFF(week, DATE_TRUNC('week', TIMESTAMP '2009-01-01'), DATE_TRUNC('week', TIMESTAMP '2009-12-31'))", 52),
        ("DATEDIFF(w, DATE_TRUNC('week', DATE '2024-01-07'), DATE_TRUNC('week', DATE '2024-01-08')::date)", 1),
        ("DATEDIFF(week, DATE_TRUNC('week', DATE '2024-01-08'), DATE_TRUNC('week', DATE '2024-01-14'))", 0),
        ("DATEDIFF(week, DATE_TRUNC('week', DATE '2024-01-08'), DATE_TRUNC('week', DATE '2023-12-31'))", -2),
        (
            "WITH q AS (SELECT id, CAST(DATE_TRUNC('week', at) AS date) AS week, MIN(DATE_TRUNC('week', at)) OVER () AS "
            "first FROM raw.t) SELECT id, DATEDIFF(week, first, week) AS weeks FROM q WHERE id > 2 ORDER BY id",
            [(3, 0), (4, 417)],
        ),
    ],
    "DATE_TRUNC('month', x)": [
        ("DATE_TRUNC('month', DATE '2024-02-29')", T(2024, 2, 1)),
        ("DATE_TRUNC('week', TIMESTAMP '2008-09-07 10:00:00')", T(2008, 9, 1)),
        ("DATE_TRUNC('quarter', DATE '2024-12-31')", T(2024, 10, 1)),
    ],
    "EXTRACT(YEAR FROM x)": [
        ("CAST(EXTRACT(MONTH FROM DATE '2024-02-29') AS integer) / 3", 0),
        ("EXTRACT(SECOND FROM TIMESTAMP '2024-01-01 00:00:59.9')", 59),
        ("EXTRACT(DOW FROM DATE '2024-01-07')", 0),
        ("EXTRACT(WEEK FROM DATE '2021-01-01')", 53),
    ],
    "DATE_PART(year, x)": [
        ("DATE_PART(w, TIMESTAMP '2005-05-02')", 18.0),
        ("DATE_PART('minute', TIMESTAMP '2009-01-01 02:08:01')", 8.0),
    ],
    "LAST_DAY(x)": [
        ("LAST_DAY('2024-02-10')", date(2024, 2, 29)),
        ("LAST_DAY(TIMESTAMP '2023-12-31 23:00:00')", date(2023, 12, 31)),
        ("LAST_DAY(NULL)", None),
    ],
    "ADD_MONTHS(x, n)": [
        ("ADD_MONTHS('2008-03-31', 1)", T(2008, 4, 30)),
        ("ADD_MONTHS('2008-04-30', 1)", T(2008, 5, 31)),
        ("ADD_MONTHS('2024-02-29', 12)", T(2025, 2, 28)),
        ("ADD_MONTHS('2024-02-29', -1)", T(2024, 1, 31)),
        ("ADD_MONTHS('2008-01-30', 1)", T(2008, 2, 29)),
        ("ADD_MONTHS('2008-01-15', 12)", T(2009, 1, 15)),
    ],
    "MONTHS_BETWEEN(a, b)": [
        ("MONTHS_BETWEEN('1969-01-18', '1969-03-18')", -2.0),
        ("MONTHS_BETWEEN('2014-08-31', '2014-09-30')", -1.0),
        ("MONTHS_BETWEEN('2014-01-15 10:00:00', '2014-02-15')", -1.0),
        ("MONTHS_BETWEEN(NULL, '2014-02-15')", None),
        (
            "ROUND(CAST(MONTHS_BETWEEN('2008-12-25 15:00:00', '2008-01-21 19:30:00') AS decimal(9,6)), 2)",
            Decimal("11.12"),
        ),
        (
            "ROUND(CAST(MONTHS_BETWEEN('2008-12-01 19:30:00', '2008-01-03 15:00:00') AS decimal(9,6)), 2)",
            Decimal("10.94"),
        ),
        (
            "ROUND(CAST(MONTHS_BETWEEN('2008-12-07 14:00:00', '2008-01-16 19:30:00') AS decimal(9,6)), 2)",
            Decimal("10.70"),
        ),
    ],
    "NEXT_DAY(x, 'Tuesday')": [
        ("NEXT_DAY('2014-08-20', 'Tuesday')", date(2014, 8, 26)),
        ("NEXT_DAY('2014-08-20', 'Wed')", date(2014, 8, 27)),
        ("NEXT_DAY('2014-08-20', 'Thursday')", date(2014, 8, 21)),
    ],
    "TRUNC(x)": [
        ("SELECT TRUNC(at) AS x FROM raw.t WHERE id = 1", [(date(2024, 1, 31),)]),
        ("TRUNC(-110.28)", Decimal(-110)),
        ("TRUNC(110.28, 1)", Decimal("110.2")),
    ],
    "CONVERT_TIMEZONE('Asia/Seoul', x)": [
        ("CONVERT_TIMEZONE('Asia/Seoul', '2024-01-01 00:00:00')", T(2024, 1, 1, 9)),
        ("CONVERT_TIMEZONE('Asia/Seoul', 'UTC', TIMESTAMP '2024-01-01 00:00:00')", T(2023, 12, 31, 15)),
        ("CONVERT_TIMEZONE('UTC', 'Europe/Oslo', '2024-03-31 00:59:59')", T(2024, 3, 31, 1, 59, 59)),
        ("CONVERT_TIMEZONE('UTC', 'Europe/Oslo', '2024-03-31 01:00:00')", T(2024, 3, 31, 3)),
        ("CONVERT_TIMEZONE('Europe/Oslo', '2024-10-27 01:30:00')", T(2024, 10, 27, 2, 30)),
    ],
    "LEN(x)": [("LEN('')", 0), ("LEN('Ørn ')", 4), ("LEN(NULL)", None)],
    "LEFT(x, 7), SUBSTRING(x, 1, 7)": [
        (
            "SELECT LEFT(at, 7) AS x, SUBSTRING(day, 6, 2) AS y, LEFT(a, 1) AS z FROM raw.t WHERE id = 1",
            [("2024-01", "01", "b")],
        ),
    ],
    "CONCAT(a, b)": [("CONCAT('a', 'b')", "ab"), ("CONCAT('a', NULL)", None)],
    "CHARINDEX(a, b)": [("CHARINDEX('fish', 'dogfish')", 4), ("CHARINDEX('cat', 'dogfish')", 0)],
    "LISTAGG(x, ',') WITHIN GROUP (ORDER BY y)": [
        (
            "SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY id DESC) AS x, LISTAGG(n) WITHIN GROUP (ORDER BY id) AS y, "
            "LISTAGG(DISTINCT a, '|') WITHIN GROUP (ORDER BY a) AS z FROM raw.t",
            [("a,b", "122", "a|b")],
        ),
        ("SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY id) AS x FROM raw.t WHERE a IS NULL", [(None,)]),
    ],
    "MEDIAN(x)": [
        ("SELECT MEDIAN(n) AS x, MEDIAN(f) AS y FROM raw.t", [(2.0, 2.5)]),
        ("SELECT MEDIAN(n) AS x FROM raw.t WHERE id < 3", [(1.5,)]),
    ],
    "NULLIF(JSON_EXTRACT_PATH_TEXT(x, 'a'), '')": [
        (
            "SELECT id, NULLIF(JSON_EXTRACT_PATH_TEXT(j, 'k', 'l'), '') AS x, NULLIF(JSON_EXTRACT_PATH_TEXT(j, "
            "'e'), '') AS y FROM raw.t ORDER BY id",
            [(1, "x", None), (2, "7", None), (3, None, None), (4, None, None)],
        ),
    ],
    "REGEXP_SUBSTR(x, '[0-9]+')": [
        ("REGEXP_SUBSTR('a12b3', '[0-9]+')", "12"),
        ("REGEXP_SUBSTR('ab', '[0-9]+')", ""),
        ("REGEXP_SUBSTR(NULL, '[0-9]+')", None),
    ],
    "REGEXP_REPLACE(x, '[0-9]+', '')": [
        ("REGEXP_REPLACE('a1b2', '[0-9]+', '-')", "a-b-"),
        ("REGEXP_REPLACE('a1b2', '[0-9]+')", "ab"),
    ],
    "a name that the SELECT gave before": [
        (
            "SELECT id, n * 2 AS twice, twice + 1 AS more FROM raw.t ORDER BY id",
            [(1, 2, 3), (2, 4, 5), (3, None, None), (4, 4, 5)],
        ),
        ("SELECT n + 1 AS id, id AS own FROM raw.t WHERE id = 2", [(3, 2)]),
    ],
    "APPROXIMATE COUNT(DISTINCT x)": [
        ("SELECT APPROXIMATE COUNT(DISTINCT n) AS x, approximate count( distinct a) AS y FROM raw.t", [(2, 3)]),
        ("SELECT APPROXIMATE COUNT(DISTINCT n) / 2 AS x FROM raw.t WHERE n IS NULL", [(0,)]),
    ],
    "RATIO_TO_REPORT(x) OVER (...)": [
        (
            "SELECT id, RATIO_TO_REPORT(n) OVER () AS x, RATIO_TO_REPORT(id) OVER (PARTITION BY NVL(n, 0)) AS y "
            "FROM raw.t ORDER BY id",
            [(1, 0.2, 1.0), (2, 0.4, 1 / 3), (3, None, 1.0), (4, 0.4, 2 / 3)],
        ),
        ("SELECT RATIO_TO_REPORT(d) OVER () / 2 AS x FROM raw.t WHERE id = 2", [(0.5,)]),
    ],
    "(SELECT a, b, x ...) PIVOT (SUM(x) FOR b IN ('y', 'z'))": [
        (
            "SELECT n, b, c FROM (SELECT n, a, d FROM raw.t) PIVOT (SUM(d) FOR a IN ('b', 'a' AS c)) ORDER BY n",
            [(1, Decimal("1.50"), None), (2, None, Decimal("-2.25")), (None, None, None)],
        ),
        (
            "SELECT p.n, p.no_many + 1 AS none, p.b_many AS some, b_last FROM (SELECT LEN(a) AS n, NVL2(a, 'b', NULL) AS k, id "
            "FROM raw.t) AS q PIVOT (COUNT(*) AS many, MAX(id) AS last FOR k IN ('b', NULL AS no)) AS p ORDER BY 1",
            [(0, 1, 1, 4), (1, 1, 2, 2), (None, 2, 0, None)],
        ),
        (
            "WITH q AS (SELECT k, two FROM (SELECT n, a AS k, id FROM raw.t) PIVOT (COUNT(id) FOR n IN (2 AS two)) AS p) "
            "SELECT k, SUM(two) AS n FROM q JOIN raw.t ON t.a = q.k WHERE two > 0 GROUP BY k ORDER BY k",
            [("", Decimal(1)), ("a", Decimal(1))],
        ),
    ],
    "QUALIFY": [
        (
            "SELECT n, id FROM raw.t QUALIFY ROW_NUMBER() OVER (PARTITION BY n ORDER BY id DESC) = 1 ORDER BY id",
            [(1, 1), (None, 3), (2, 4)],
        ),
        (
            "SELECT n, ROW_NUMBER() OVER (PARTITION BY n ORDER BY id) AS r FROM raw.t WHERE n IS NOT NULL QUALIFY r = 2",
            [(2, 2)],
        ),
        ("SELECT DISTINCT n FROM raw.t QUALIFY COUNT(*) OVER (PARTITION BY n) = 2", [(2,)]),
        (
            "WITH q AS (SELECT n, SUM(f) AS s FROM raw.t GROUP BY n QUALIFY RANK() OVER (ORDER BY SUM(f) DESC) = "
            "2) SELECT n, s FROM q",
            [(2, 6.5)],
        ),
    ],
}
REFUSED: dict[str, list[str]] = {
    "GETDATE(), SYSDATE, NOW()": ["GETDATE()", "SYSDATE", "NOW()"],
    "AVG of whole numbers or decimals": ["SELECT AVG(n) AS x FROM raw.t", "SELECT AVG(d) AS x FROM raw.t"],
    "a / b of decimals": ["d / 3", "1.0 / n"],
    "MEDIAN of decimals": ["SELECT MEDIAN(d) AS x FROM raw.t"],
    "LISTAGG, MEDIAN, PERCENTILE_CONT ... OVER": [
        "LISTAGG(a, ',') WITHIN GROUP (ORDER BY id) OVER (PARTITION BY n)",
        "MEDIAN(n) OVER (PARTITION BY id)",
        "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f) OVER (PARTITION BY n)",
    ],
    "LISTAGG without WITHIN GROUP": ["SELECT LISTAGG(a, ',') AS x FROM raw.t"],
    "DATEDIFF(week, a, b)": [
        "DATEDIFF(week, day, at)",
        "DATEDIFF(week, DATE_TRUNC('week', day), at)",
        "DATEDIFF(week, DATE_TRUNC('month', day), DATE_TRUNC('week', at))",
    ],
    "PIVOT of a table, or with other aggregates; UNPIVOT": [
        "SELECT x FROM raw.t PIVOT (COUNT(*) FOR a IN ('b' AS x))",
        "SELECT x FROM (SELECT * FROM raw.t) PIVOT (COUNT(*) FOR a IN ('b' AS x))",
        "SELECT n, x FROM (SELECT n, a, f FROM raw.t) PIVOT (AVG(f) FOR a IN ('b' AS x))",
        "SELECT n, x FROM (SELECT n, a, f FROM raw.t) PIVOT (COUNT(DISTINCT f) FOR a IN ('b' AS x))",
        "SELECT x FROM (SELECT a, f FROM raw.t) PIVOT (SUM(f) FOR a IN ('b' AS x))",
        "SELECT n FROM (SELECT n, a, f FROM raw.t) PIVOT (SUM(f) FOR a IN ('Big b'))",
        "SELECT id FROM (SELECT id, n, f FROM raw.t) UNPIVOT (v FOR k IN (n, f))",
    ],
    "TOP n": ["SELECT TOP 3 id FROM raw.t ORDER BY id"],
    "MINUS": ["SELECT id FROM raw.t MINUS SELECT n FROM raw.t"],
    "x + INTERVAL '1 month'": ["at + INTERVAL '1 month'"],
    "CAST(x AS varchar)": ["CAST(n AS varchar)", "CAST(n AS text)"],
    "a backslash in a text": [r"REPLACE(a, '\n', '')"],
    "TO_DATE, TO_TIMESTAMP": ["TO_DATE(a, 'YYYY-MM-DD')", "TO_TIMESTAMP(a, 'YYYY-MM-DD')"],
}
MORE_REFUSED = [
    "RATIO_TO_REPORT(a) OVER ()",
    "DATEADD(century, 1, day)",
    "DATEDIFF(decade, day, at)",
    "SELECT APPROXIMATE PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY n) AS x FROM raw.t",
    "SQRT(n)",
    "SOUNDEX(a)",
    "STRING_AGG(a, ',')",
    "LAG(n) IGNORE NULLS OVER (ORDER BY id)",
    "CAST(d AS integer)",
    "a ILIKE 'É%'",
    "ROUND(f)",
    r"a ~ '(a|b)'",
    "LEFT(a, n)",
    "LEFT(at, 13)",
    "SPLIT_PART(a, ',', n)",
    "TO_CHAR(day, 'Month')",
    "EXTRACT(EPOCH FROM at)",
    "DATE_PART(second, at)",
    "DATE_TRUNC('century', at)",
    "CONVERT_TIMEZONE('EST', at)",
    "CONVERT_TIMEZONE('Europe/Oslo', 'UTC', at)",
    "NEXT_DAY(day, 'Funday')",
    "JSON_EXTRACT_PATH_TEXT(j, 'k')",
    "NULLIF(JSON_EXTRACT_PATH_TEXT(j, a), '')",
    "CAST(a AS char(3))",
    "CAST(at AS varchar(20))",
    "REGEXP_SUBSTR(a, '[0-9]+', 2)",
    "DECODE(a, 'hex')",
    "LISTAGG(d, ',') WITHIN GROUP (ORDER BY id)",
    "LISTAGG(DISTINCT a, ',') WITHIN GROUP (ORDER BY id)",
    "ARRAY_AGG(a)",
    "GENERATE_SERIES(1, 2)",
    "TRUNC(COALESCE(NULL, NULL))",
]
