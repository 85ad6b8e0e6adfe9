-- What may be meant: `--- line | what is told | what to write instead | its kind`.

--- 2 | neither the key of 'p' (id) nor | ON ... AND p.id =  | joins
SELECT i.order_id, SUM(p.paid) AS paid FROM raw.items AS i
JOIN raw.payments AS p ON p.order_id = i.order_id
GROUP BY i.order_id

--- 3 | two joins find several rows for each row of 'o' | 'p' grouped by what is compared with 'o' | joins
SELECT o.id, SUM(i.price) AS sold, SUM(p.paid) AS paid FROM raw.orders AS o
JOIN raw.items AS i ON i.order_id = o.id
LEFT JOIN raw.payments AS p ON p.order_id = o.id GROUP BY o.id

--- 2 | every row of 'u' comes with every other | CROSS JOIN | joins
SELECT o.id, u.name FROM raw.orders AS o,
  raw.users AS u

--- 2 | several times | u.id | joins
SELECT o.id FROM raw.orders AS o
JOIN raw.users AS u ON u.country = 'NO'

--- 3 | the key of 'v' (channel, user_id) | ON ... AND v.channel | joins
WITH v AS (SELECT user_id, channel, COUNT(*) AS n FROM raw.visits GROUP BY user_id, channel)
SELECT o.id, v.channel FROM raw.orders AS o
JOIN v ON v.user_id = o.user_id

--- 2 | divides by SUM(amount) | NULLIF(SUM(amount), 0) | division
SELECT user_id,
  MAX(amount) / SUM(amount) AS s FROM raw.orders GROUP BY user_id

--- 2 | divides by p.cost | NULLIF(p.cost, 0) | division
SELECT p.id,
  1 / p.cost AS c FROM raw.products AS p

--- 2 | divides by COUNT(*) | NULLIF(COUNT(*), 0) | division
SELECT SUM(amount)
  / COUNT(*) AS mean FROM raw.orders

--- 1 | divides by COUNT(coupon) | NULLIF | division
SELECT user_id, SUM(amount) / COUNT(coupon) AS a
FROM raw.orders GROUP BY user_id

--- 2 | divides by quantity | NULLIF(quantity, 0) | division
SELECT MOD(id,
  quantity) AS m FROM (SELECT order_id AS id, quantity FROM raw.items) AS q

--- 2 | divides by f.n | NULLIF | division
WITH f AS (SELECT SUM(quantity) AS n FROM raw.items)
SELECT 1.0 / f.n AS a FROM f

--- 2 | divides whole numbers | CAST(COUNT(coupon) AS double precision) | division
SELECT user_id,
  COUNT(coupon) / COUNT(*) AS rate FROM raw.orders GROUP BY user_id

--- 1 | divides whole numbers | double precision | division
SELECT user_id, SUM(quantity) / NULLIF(COUNT(*), 0) AS per
FROM raw.items AS i JOIN raw.orders AS o ON o.id = i.order_id GROUP BY user_id

--- 2 | as soon as one 'user_id' is empty | NOT EXISTS | nulls
SELECT id FROM raw.orders
WHERE user_id NOT IN (SELECT user_id FROM raw.visits)

--- 2 | drops the rows in which coupon is empty | coupon IS NULL | nulls
SELECT id FROM raw.orders
WHERE coupon <> 'none'

--- 4 | WHERE on 'o' leaves out | the condition in ON | nulls
SELECT u.id
FROM raw.users AS u
LEFT JOIN raw.orders AS o ON o.user_id = u.id
WHERE o.status = 'paid'

--- 4 | it is an inner join now | JOIN o | nulls
SELECT u.id
FROM raw.users AS u
LEFT JOIN raw.orders AS o ON o.user_id = u.id
WHERE o.amount > 10

--- 2 | asks for the present | MAX(updated_at) | now
SELECT id FROM raw.orders
WHERE ordered_at > CURRENT_DATE

--- 2 | asks for the present | a moment of the data | now
SELECT id,
  NOW() AS at FROM raw.orders

--- 1 | without ORDER BY | ORDER BY ...) | order
SELECT id, ROW_NUMBER() OVER (PARTITION BY user_id) AS n
FROM raw.orders

--- 1 | LAG without ORDER BY | ORDER BY ...) | order
SELECT id, LAG(amount) OVER () AS n
FROM raw.orders

--- 1 | up to the current one only | UNBOUNDED FOLLOWING | order
SELECT id, LAST_VALUE(amount) OVER (PARTITION BY user_id ORDER BY ordered_at) AS n
FROM raw.orders

--- 2 | LIMIT without ORDER BY | ORDER BY ... LIMIT | order
SELECT id FROM raw.orders
LIMIT 10

--- 1 | Redshift doesn't read FILTER | CASE WHEN | redshift
SELECT user_id, COUNT(*) FILTER (WHERE refunded) AS n
FROM raw.orders GROUP BY user_id

--- 1 | DISTINCT ON | ROW_NUMBER() | redshift
SELECT DISTINCT ON (user_id) user_id, id
FROM raw.orders ORDER BY user_id, id

--- 1 | VALUES in FROM | UNION ALL | redshift
SELECT v.n FROM (VALUES (1), (2)) AS v(n)

--- 2 | LATERAL | a WITH query | redshift
SELECT u.id, l.n FROM raw.users AS u
CROSS JOIN LATERAL (SELECT u.id AS n) AS l

--- 1 | ARRAY_AGG | LISTAGG | redshift
SELECT user_id, ARRAY_AGG(id ORDER BY id) AS ids
FROM raw.orders GROUP BY user_id
