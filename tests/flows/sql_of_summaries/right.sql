-- Sound SQL of the kind people write. Each text follows a line `--- what it is`.

--- users of each country
SELECT country, COUNT(*) AS users FROM raw.users GROUP BY country

--- by place
SELECT country, COUNT(*) AS users FROM raw.users GROUP BY 1 HAVING COUNT(*) > 1

--- by name
SELECT CAST(ordered_at AS date) AS day, SUM(amount) AS revenue FROM raw.orders GROUP BY day

--- orders with their user
SELECT o.id, u.name FROM raw.orders AS o JOIN raw.users AS u ON u.id = o.user_id

--- users with what they ordered
SELECT u.id, SUM(o.amount) AS revenue FROM raw.users AS u LEFT JOIN raw.orders AS o ON o.user_id = u.id GROUP BY u.id

--- users who never ordered
SELECT u.id FROM raw.users AS u LEFT JOIN raw.orders AS o ON o.user_id = u.id WHERE o.id IS NULL

--- users who never ordered, by NOT EXISTS
SELECT u.id FROM raw.users AS u WHERE NOT EXISTS (SELECT 1 FROM raw.orders AS o WHERE o.user_id = u.id)

--- users who never ordered, by NOT IN
SELECT id FROM raw.users WHERE id NOT IN (SELECT user_id FROM raw.orders)

--- NOT IN of a column without its gaps
SELECT id FROM raw.users WHERE id NOT IN (SELECT user_id FROM raw.visits WHERE user_id IS NOT NULL)

--- the three best of each country
WITH ranked AS (SELECT u.country, o.user_id, SUM(o.amount) AS revenue, ROW_NUMBER() OVER (PARTITION BY u.country ORDER
BY SUM(o.amount) DESC) AS place
FROM raw.orders AS o
JOIN raw.users AS u ON u.id = o.user_id
GROUP BY u.country, o.user_id)
SELECT country, user_id, revenue FROM ranked WHERE place <= 3

--- a running total
SELECT id, SUM(amount) OVER (PARTITION BY user_id ORDER BY ordered_at, id ROWS UNBOUNDED PRECEDING) AS total
FROM raw.orders

--- a moving average
WITH daily AS (SELECT CAST(ordered_at AS date) AS day, SUM(amount) AS revenue FROM raw.orders GROUP BY 1)
SELECT day, AVG(revenue) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week FROM daily

--- a share of the whole
SELECT country, 100.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS share FROM raw.users GROUP BY country

--- a share of a sum that may be 0
SELECT user_id, SUM(amount) / NULLIF(SUM(SUM(amount)) OVER (), 0) AS share FROM raw.orders GROUP BY user_id

--- a rate guarded by CASE
SELECT user_id, CASE WHEN SUM(amount) > 0 THEN MAX(amount) / SUM(amount) END AS share FROM raw.orders GROUP BY user_id

--- pivoted by CASE
SELECT CAST(ordered_at AS date) AS day, SUM(CASE WHEN status = 'paid' THEN amount ELSE 0 END) AS paid, COUNT(CASE WHEN
status = 'open' THEN 1 END) AS open_orders
FROM raw.orders
GROUP BY CAST(ordered_at AS date)

--- retention
WITH first AS (SELECT user_id, MIN(CAST(DATE_TRUNC('month', at) AS date)) AS cohort
FROM raw.events
GROUP BY user_id),
active AS (SELECT DISTINCT user_id, CAST(DATE_TRUNC('month', at) AS date) AS month
FROM raw.events),
size AS (SELECT cohort, COUNT(*) AS users
FROM first
GROUP BY cohort)
SELECT first.cohort, active.month, COUNT(*) AS active_users, CAST(COUNT(*) AS double precision) / MAX(size.users) AS
retention
FROM first
JOIN active ON active.user_id = first.user_id
JOIN size ON size.cohort = first.cohort
GROUP BY first.cohort, active.month

--- a funnel
WITH steps AS (SELECT user_id, MAX(CASE WHEN kind = 'view' THEN 1 ELSE 0 END) AS viewed, MAX(CASE WHEN kind = 'cart'
THEN 1 ELSE 0 END) AS added, MAX(CASE WHEN kind = 'buy' THEN 1 ELSE 0 END) AS bought
FROM raw.events
GROUP BY user_id)
SELECT SUM(viewed) AS viewed, SUM(added) AS added, CAST(SUM(bought) AS double precision) / NULLIF(SUM(viewed),
0) AS rate
FROM steps

--- gaps and islands
WITH days AS (SELECT DISTINCT user_id, CAST(at AS date) AS day
FROM raw.events),
numbered AS (SELECT user_id, day, day - CAST(ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY day) AS integer) AS
island
FROM days)
SELECT user_id, MIN(day) AS first_day, MAX(day) AS last_day, COUNT(*) AS days FROM numbered GROUP BY user_id, island

--- sessions by a pause
WITH marked AS (SELECT user_id, at, CASE WHEN at > LAG(at) OVER (PARTITION BY user_id ORDER BY at) + INTERVAL '30
minutes' THEN 1 ELSE 0 END AS begins
FROM raw.events)
SELECT user_id, at, SUM(begins) OVER (PARTITION BY user_id ORDER BY at ROWS UNBOUNDED PRECEDING) AS session
FROM marked

--- the median
SELECT country, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY o.amount) AS median
FROM raw.orders AS o
JOIN raw.users AS u ON u.id = o.user_id
GROUP BY country

--- the last of each
WITH numbered AS (SELECT user_id, channel, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY at DESC, id DESC) AS n
FROM raw.visits
WHERE user_id IS NOT NULL)
SELECT u.id, v.channel FROM raw.users AS u LEFT JOIN numbered AS v ON v.user_id = u.id AND v.n = 1

--- growth on the month before
WITH monthly AS (SELECT DATE_TRUNC('month', ordered_at) AS month, SUM(amount) AS revenue FROM raw.orders GROUP BY 1)
SELECT month, revenue, revenue / NULLIF(LAG(revenue) OVER (ORDER BY month), 0) - 1 AS growth FROM monthly

--- grouped before the join
WITH paid AS (SELECT order_id, SUM(paid) AS paid
FROM raw.payments
GROUP BY order_id),
sold AS (SELECT order_id, SUM(quantity * price) AS sold
FROM raw.items
GROUP BY order_id)
SELECT o.id, COALESCE(paid.paid, 0) AS paid, COALESCE(sold.sold, 0) AS sold
FROM raw.orders AS o
LEFT JOIN paid ON paid.order_id = o.id
LEFT JOIN sold ON sold.order_id = o.id

--- a chain of joins
SELECT p.category, SUM(i.quantity) AS pieces
FROM raw.orders AS o
JOIN raw.items AS i ON i.order_id = o.id
JOIN raw.products AS p ON p.id = i.product_id
GROUP BY p.category

--- joined USING
SELECT order_id, i.line, SUM(p.paid) AS paid
FROM raw.items AS i
JOIN (SELECT order_id, SUM(paid) AS paid
FROM raw.payments
GROUP BY order_id) AS p USING (order_id)
GROUP BY order_id, i.line

--- above their average
SELECT o.id
FROM raw.orders AS o
WHERE o.amount > (SELECT AVG(p.amount)
FROM raw.orders AS p
WHERE p.user_id = o.user_id)

--- one figure beside each row
WITH whole AS (SELECT SUM(amount) AS revenue FROM raw.orders)
SELECT o.id, o.amount / NULLIF(whole.revenue, 0) AS share FROM raw.orders AS o CROSS JOIN whole

--- united
SELECT 'order' AS what, CAST(id AS varchar(20)) AS id
FROM raw.orders
UNION ALL SELECT 'visit', CAST(id AS varchar(20))
FROM raw.visits

--- distinct users behind two joins
SELECT u.country, COUNT(DISTINCT o.user_id) AS buyers, COUNT(DISTINCT v.user_id) AS visitors
FROM raw.users AS u
LEFT JOIN raw.orders AS o ON o.user_id = u.id
LEFT JOIN raw.visits AS v ON v.user_id = u.id
GROUP BY u.country

--- pairs bought together
SELECT a.product_id AS one, b.product_id AS other, COUNT(*) AS times
FROM raw.items AS a
JOIN raw.items AS b ON b.order_id = a.order_id AND b.product_id > a.product_id
GROUP BY a.product_id, b.product_id

--- without what is unknown
SELECT id FROM raw.orders WHERE coupon IS NOT NULL AND coupon <> 'none' AND status <> 'open'

--- the first word
SELECT id, SPLIT_PART(name, ' ', 1) AS first_name, UPPER(country) AS country, LENGTH(name) AS letters
FROM raw.users
WHERE name LIKE 'A%' OR name ~ '^B'

--- months and weekdays
SELECT EXTRACT(YEAR
FROM ordered_at) AS year, TO_CHAR(ordered_at, 'YYYY-MM') AS month, AVG(amount) AS average
FROM raw.orders
WHERE ordered_at >= '2024-01-01'
GROUP BY 1, 2

--- a star that is named behind it
WITH o AS (SELECT * FROM raw.orders WHERE amount BETWEEN 1 AND 100)
SELECT o.id, o.amount FROM o

--- quarters by NTILE
WITH spent AS (SELECT user_id, SUM(amount) AS total FROM raw.orders GROUP BY user_id)
SELECT user_id, NTILE(4) OVER (ORDER BY total DESC, user_id) AS quarter FROM spent

--- recursive
WITH RECURSIVE days(d) AS (SELECT MIN(CAST(ordered_at AS date))
FROM raw.orders UNION ALL SELECT d + 1
FROM days
WHERE d < DATE '2024-01-05') SELECT d
FROM days

--- upper case
SELECT O.ID, O.Amount AS AMT FROM RAW.Orders O WHERE o.USER_ID > 1 ORDER BY amt

--- quoted
SELECT "o"."id" AS "Id", "amount" FROM raw."orders" AS "o"

--- whole row count
SELECT COUNT(u) AS n FROM raw.users u

--- natural
SELECT order_id, COUNT(*) AS n
FROM raw.items NATURAL
JOIN (SELECT order_id, paid
FROM raw.payments) p
GROUP BY order_id

--- group by expression inside expression
SELECT EXTRACT(YEAR
FROM DATE_TRUNC('month', ordered_at)) AS y, DATE_TRUNC('month', ordered_at) AS m, COUNT(*) AS n
FROM raw.orders
GROUP BY DATE_TRUNC('month', ordered_at)

--- group by qualified vs not
SELECT country, COUNT(*) AS n FROM raw.users u GROUP BY u.country

--- group by not qualified, select qualified
SELECT u.country, COUNT(*) AS n FROM raw.users u GROUP BY country

--- case in group
SELECT CASE WHEN amount > 10 THEN 'big' ELSE 'small' END AS size, COUNT(*) AS n
FROM raw.orders
GROUP BY CASE WHEN amount > 10 THEN 'big' ELSE 'small' END

--- case grouped by name
SELECT CASE WHEN amount > 10 THEN 'big' ELSE 'small' END AS size, COUNT(*) AS n
FROM raw.orders
GROUP BY size ORDER BY size

--- correlated in select
SELECT u.id, (SELECT COUNT(*) FROM raw.orders o WHERE o.user_id = u.id) AS n FROM raw.users u

--- correlated in select with group
SELECT u.country, COUNT(*) AS n, (SELECT MAX(x.id)
FROM raw.users x
WHERE x.country = u.country) AS m
FROM raw.users u
GROUP BY u.country

--- exists star
SELECT u.id FROM raw.users u WHERE EXISTS (SELECT * FROM raw.orders o WHERE o.user_id = u.id)

--- nested union in from
SELECT x.id, COUNT(*) AS n
FROM (SELECT id
FROM raw.orders UNION SELECT user_id
FROM raw.visits
WHERE user_id IS NOT NULL) x
GROUP BY x.id

--- union in a CTE
WITH a AS (SELECT id, amount
FROM raw.orders UNION ALL SELECT id, paid
FROM raw.payments) SELECT id, SUM(amount) AS s
FROM a
GROUP BY id

--- intersect
SELECT id FROM raw.users INTERSECT SELECT user_id FROM raw.orders

--- order by ordinal and union
SELECT id FROM raw.users UNION SELECT user_id FROM raw.orders ORDER BY 1

--- order by name of a union
SELECT id AS x FROM raw.users UNION SELECT user_id FROM raw.orders ORDER BY x

--- having alias-less
SELECT user_id, SUM(amount) AS s
FROM raw.orders
GROUP BY user_id HAVING SUM(amount) > (SELECT AVG(amount)
FROM raw.orders)

--- window over aggregate
SELECT user_id, SUM(amount) AS s, RANK() OVER (ORDER BY SUM(amount) DESC) AS r FROM raw.orders GROUP BY user_id

--- named window
SELECT id, SUM(amount) OVER w AS s, ROW_NUMBER() OVER w AS n
FROM raw.orders WINDOW w AS (PARTITION BY user_id ORDER BY ordered_at, id)

--- in of tuples
SELECT i.order_id
FROM raw.items i
WHERE (i.order_id, i.line) IN (SELECT order_id, MIN(line)
FROM raw.items
GROUP BY order_id)

--- any
SELECT id FROM raw.orders WHERE id = ANY (SELECT order_id FROM raw.payments)

--- between moments as text
SELECT id FROM raw.orders WHERE ordered_at BETWEEN '2024-01-01' AND '2024-02-01' AND id <> 3 AND refunded = true

--- boolean text
SELECT id FROM raw.orders WHERE refunded = 'true' OR refunded IS NULL OR NOT refunded

--- alias columns
SELECT t.a FROM raw.users AS t(a, b)

--- values joined
SELECT a.id, b.id AS other FROM raw.users a LEFT JOIN raw.users b ON b.country = a.country AND b.id <> a.id

--- group by two tables
SELECT u.country, p.category, SUM(i.quantity * i.price) AS s
FROM raw.users u
JOIN raw.orders o ON o.user_id = u.id
JOIN raw.items i ON i.order_id = o.id
JOIN raw.products p ON p.id = i.product_id
GROUP BY u.country, p.category

--- rollup
SELECT country, city, COUNT(*) AS n FROM raw.users GROUP BY ROLLUP (country, city)

--- grouping sets
SELECT country, city, COUNT(*) AS n FROM raw.users GROUP BY GROUPING SETS ((country), (city), ())

--- lag in case
SELECT user_id, ordered_at - LAG(ordered_at) OVER (PARTITION BY user_id ORDER BY ordered_at) AS since FROM raw.orders

--- interval
SELECT id, ordered_at + INTERVAL '1 day' AS tomorrow, AGE(ordered_at) AS age FROM raw.orders

--- date arithmetic
SELECT CAST(MAX(ordered_at) AS date) - CAST(MIN(ordered_at) AS date) AS days FROM raw.orders

--- string agg
SELECT user_id, STRING_AGG(status, ',' ORDER BY id) AS statuses FROM raw.orders GROUP BY user_id

--- coalesce of kinds
SELECT COALESCE(SUM(amount), 0) AS s, COALESCE(MAX(coupon), '-') AS c FROM raw.orders

--- sum of case boolean
SELECT SUM(CASE WHEN refunded THEN 1 ELSE 0 END) AS n, AVG(CASE WHEN refunded THEN 1.0 ELSE 0 END) AS r
FROM raw.orders

--- sum cast
SELECT SUM(CAST(refunded AS integer)) AS n FROM raw.orders

--- cte shadowing a table name
WITH orders AS (SELECT user_id, COUNT(*) AS n
FROM raw.orders
GROUP BY user_id) SELECT orders.n, u.name
FROM orders
JOIN raw.users u ON u.id = orders.user_id

--- nested with
WITH a AS (WITH b AS (SELECT id FROM raw.users) SELECT id FROM b) SELECT id FROM a

--- cte named like a column
WITH total AS (SELECT SUM(amount) AS total
FROM raw.orders) SELECT o.id, o.amount, total.total
FROM raw.orders o, total

--- scalar from cte
WITH total AS (SELECT SUM(amount) AS total
FROM raw.orders) SELECT o.id, (SELECT total
FROM total) AS t
FROM raw.orders o

--- full join
SELECT COALESCE(a.user_id, b.user_id) AS user_id, a.n, b.m
FROM (SELECT user_id, COUNT(*) AS n
FROM raw.orders
GROUP BY user_id) a
FULL JOIN (SELECT user_id, COUNT(*) AS m
FROM raw.events
GROUP BY user_id) b ON a.user_id = b.user_id

--- in a subquery's own alias
SELECT s.day, s.n FROM (SELECT CAST(at AS date) AS day, COUNT(*) AS n FROM raw.events GROUP BY 1) s WHERE s.n > 1

--- group by after distinct
SELECT DISTINCT user_id, status FROM raw.orders

--- count over
SELECT DISTINCT country, COUNT(*) OVER (PARTITION BY country) AS n, 1.0 / COUNT(*) OVER (PARTITION BY country) AS w
FROM raw.users

--- percent rank
SELECT id, PERCENT_RANK() OVER (ORDER BY amount) AS p, CUME_DIST() OVER (ORDER BY amount) AS c FROM raw.orders

--- json
SELECT id, CAST(coupon AS json) AS j FROM raw.orders

--- filter by max date in data
SELECT id FROM raw.orders WHERE ordered_at >= (SELECT MAX(ordered_at) FROM raw.orders) - INTERVAL '30 days'

--- date_part and to_char
SELECT DATE_PART('dow', ordered_at) AS dow, COUNT(*) AS n FROM raw.orders GROUP BY DATE_PART('dow', ordered_at)

--- position trim
SELECT POSITION('a' IN name) AS p, TRIM(BOTH ' '
FROM name) AS t, SUBSTRING(name
FROM 1 FOR 3) AS s, OVERLAY(name PLACING 'x'
FROM 1 FOR 1) AS o
FROM raw.users

--- id literal text number
SELECT id FROM raw.users WHERE id = '5'

--- concat numbers
SELECT name || ' ' || id AS x, CONCAT(name, id) AS y FROM raw.users

--- not between
SELECT id FROM raw.orders WHERE NOT (amount BETWEEN 1 AND 2) AND status NOT LIKE 'x%'

--- case operand
SELECT CASE country WHEN 'NO' THEN 1 WHEN 'SE' THEN 2 ELSE 0 END AS c FROM raw.users

--- constants only
SELECT 1 AS one, 'a' AS a, CAST(NULL AS integer) AS n

--- group constant
SELECT 'all' AS what, COUNT(*) AS n FROM raw.users

--- group having only
SELECT 1 AS one FROM raw.users HAVING COUNT(*) > 1

--- unnest
SELECT u.id, x FROM raw.users u, UNNEST(STRING_TO_ARRAY(u.name, ' ')) AS x

--- extract epoch division
SELECT EXTRACT(EPOCH
FROM ordered_at) / 60 AS minutes, amount * 100 / 3 AS a, MOD(id, 7) AS b, id % 7 AS c
FROM raw.orders

--- at time zone
SELECT CAST(ordered_at AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Seoul' AS date) AS day FROM raw.orders

--- is distinct from
SELECT id FROM raw.orders WHERE coupon IS DISTINCT FROM 'x'

--- similar
SELECT id FROM raw.users WHERE name SIMILAR TO 'A%|B%' OR name ILIKE 'c%'

--- group by alias colliding with a column
SELECT LOWER(country) AS country, COUNT(*) AS n FROM raw.users GROUP BY LOWER(country)

--- aliased aggregate ordered
SELECT user_id, COUNT(*) AS n FROM raw.orders GROUP BY user_id ORDER BY n DESC, user_id

--- order by an input column
SELECT name FROM raw.users ORDER BY signed_up

--- ntile of windowed CTE
WITH r AS (SELECT user_id, SUM(amount) AS s
FROM raw.orders
GROUP BY 1), q AS (SELECT user_id, s, NTILE(5) OVER (ORDER BY s, user_id) AS k
FROM r) SELECT k, AVG(s) AS mean
FROM q
GROUP BY k

--- greatest
SELECT SUM(amount) / GREATEST(COUNT(coupon), 1) AS a FROM raw.orders

--- first_value
SELECT id, FIRST_VALUE(status) OVER (PARTITION BY user_id ORDER BY ordered_at, id) AS f FROM raw.orders

--- parenthesised
(SELECT id FROM raw.users) UNION ALL (SELECT user_id FROM raw.orders)

--- agg inside coalesce grouped key expression
SELECT COALESCE(city, '-') AS city, COUNT(*) AS n FROM raw.users GROUP BY COALESCE(city, '-')

--- same but by name clash
SELECT COALESCE(city, '-') AS town, COUNT(*) AS n FROM raw.users GROUP BY 1 HAVING COALESCE(city, '-') <> 'x'

--- ordered set with filter by over
SELECT country, MODE() WITHIN GROUP (ORDER BY city) AS m FROM raw.users GROUP BY country

--- type cast colon
SELECT ordered_at::date AS d, amount::integer AS a, '5'::integer AS five FROM raw.orders

--- comparing date with cast text
SELECT id FROM raw.orders WHERE ordered_at::date = '2024-01-01'::date AND TO_CHAR(ordered_at, 'YYYY') = '2024'

--- min of a boolean expr
SELECT user_id, BOOL_OR(refunded) AS any_refund FROM raw.orders GROUP BY user_id HAVING BOOL_OR(refunded)

--- comparing date columns
SELECT o.id
FROM raw.orders o
JOIN raw.visits v ON CAST(v.at AS date) = CAST(o.ordered_at AS date) AND v.user_id = o.user_id
