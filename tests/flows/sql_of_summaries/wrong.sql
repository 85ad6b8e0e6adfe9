-- What is told as certain: `--- line | what is wrong | what to write instead | whether PostgreSQL refuses it, too`.

--- 2 | no table here has a column 'nmae' | did you mean 'name' | refused
SELECT id,
  nmae
FROM raw.users

--- 2 | 'u' has no column 'nmae' | did you mean 'name' | refused
SELECT u.id,
  u.nmae
FROM raw.users AS u

--- 3 | no table goes by the name 'users' here | u | refused
SELECT u.id
FROM raw.users AS u
WHERE users.id = 1

--- 3 | 'o' has no column 'usr_id' | did you mean 'user_id' | refused
SELECT u.id
FROM raw.users AS u
JOIN raw.orders AS o ON o.usr_id = u.id

--- 4 | 'o' has no column 'uid' | user_id | refused
SELECT u.id
FROM raw.users AS u
WHERE EXISTS (SELECT 1 FROM raw.orders AS o
WHERE o.uid = u.id)

--- 1 | 'x' has no column 'n' | allowed: m | refused
SELECT x.n
FROM (SELECT id AS m FROM raw.users) AS x

--- 2 | no table here has a column 'id' | allowed: n | refused
WITH a AS (SELECT id AS n FROM raw.users)
SELECT id FROM a

--- 1 | 'user_id' stands in o and v | o.user_id or v.user_id | refused
SELECT user_id
FROM raw.orders AS o JOIN raw.visits AS v ON v.user_id = o.user_id AND v.id = 1

--- 2 | 'u' has no column 'age' | id, name, city | refused
SELECT u.id FROM raw.users AS u
ORDER BY u.age

--- 2 | 'name' is neither in GROUP BY nor | MAX(name) | refused
SELECT country,
  name, COUNT(*) AS n FROM raw.users GROUP BY country

--- 1 | 'name' is neither in GROUP BY nor | GROUP BY ..., name | refused
SELECT name, COUNT(*) AS n FROM raw.users

--- 2 | 'city' is neither in | MAX(city) | refused
SELECT country, COUNT(*) AS n FROM raw.users
GROUP BY country HAVING city = 'Oslo'

--- 2 | WHERE has the aggregate | HAVING | refused
SELECT user_id, SUM(amount) AS s FROM raw.orders
WHERE SUM(amount) > 1 GROUP BY user_id

--- 2 | GROUP BY has the aggregate | WITH | refused
SELECT SUM(amount) AS s, COUNT(*) AS n FROM raw.orders
GROUP BY SUM(amount)

--- 1 | is an aggregate of an aggregate | WITH | refused
SELECT MAX(COUNT(*)) AS n
FROM raw.orders GROUP BY user_id

--- 2 | WHERE has a window function | WITH numbered | refused
SELECT id FROM raw.orders
WHERE ROW_NUMBER() OVER (ORDER BY id) = 1

--- 2 | GROUP BY 3, and there are 2 columns | an expression | refused
SELECT country, COUNT(*) AS n FROM raw.users
GROUP BY 3

--- 3 | UNION joins 2 columns with 1 | as many columns | refused
SELECT id, name FROM raw.users
UNION ALL
SELECT id FROM raw.orders

--- 2 | a comparison with NULL is never true | IS NULL | runs
SELECT id FROM raw.orders
WHERE coupon = NULL

--- 2 | a comparison with NULL is never true | IS NOT NULL | runs
SELECT id FROM raw.orders
WHERE coupon <> NULL

--- 2 | NOT IN with a NULL in its list | the list without NULL | runs
SELECT id FROM raw.orders
WHERE status NOT IN ('open', NULL)

--- 2 | divides by 0 | another number | runs
SELECT id,
  amount / 0 AS a FROM raw.orders

--- 1 | SUM(name): name holds text | CAST( | refused
SELECT SUM(name) AS s
FROM raw.users

--- 1 | signed_up holds moments | CASE WHEN | refused
SELECT AVG(signed_up) AS a
FROM raw.users

--- 1 | refunded holds true and false | CASE WHEN | refused
SELECT SUM(refunded) AS s
FROM raw.orders

--- 3 | compares text with numbers | CAST one of them | refused
SELECT u.id
FROM raw.users AS u
JOIN raw.orders AS o ON o.coupon = u.id

--- 2 | compares numbers with text | CAST one of them | refused
SELECT id FROM raw.orders
WHERE id = 'first'

--- 2 | compares true and false with numbers | CAST one of them | refused
SELECT id FROM raw.orders
WHERE refunded = 1

--- 2 | compares moments with numbers | CAST one of them | refused
SELECT id FROM raw.orders
WHERE ordered_at = 20240101

--- 1 | must list its columns | columns by name | runs
SELECT o.*
FROM raw.orders AS o

--- 2 | must list its columns | columns by name | refused
SELECT id FROM raw.orders UNION ALL
SELECT * FROM raw.visits

--- 1 | has 2 columns called 'id' | a name of its own | refused
SELECT id, user_id AS id
FROM raw.orders

--- 1 | gives other rows each time | MD5(id) | runs
SELECT id, RANDOM() AS r
FROM raw.orders

--- 2 | gives other rows each time | MD5(id) | runs
SELECT id,
  GEN_RANDOM_UUID() AS r FROM raw.orders

--- 2 | reads raw.order, which isn't declared | did you mean 'raw.orders' | refused
SELECT id FROM
  raw.order

--- 2 | reads 'orders' without a schema | schema.orders | runs
SELECT id FROM
  orders

--- 1 | isn't SQL that either warehouse reads | one SELECT | refused
SELECT id FRM raw.orders

--- 1 | isn't SQL that either warehouse reads | one SELECT | refused
SELECT id, FROM raw.orders WHERE

--- 1 | found a ';' inside | one SELECT | runs
SELECT id FROM raw.orders;
SELECT 1

--- 1 | alias already used | another alias | refused
SELECT a.id FROM raw.users AS a
JOIN raw.orders AS a ON true

--- 2 | calls price() of a schema | without a schema | refused
SELECT id,
  shop.price(id) AS p FROM raw.orders

--- 2 | calls pg_read_file(), which a summary can't | add-a-summary | runs
SELECT id,
  pg_read_file('x') AS p FROM raw.orders

--- 2 | is a name that this SELECT itself gives | WITH | refused
SELECT amount * 2 AS double_amount,
  double_amount + 1 AS more FROM raw.orders
