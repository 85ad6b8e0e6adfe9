/*
target: analytics.monthly_key_figures
description: The figures of the monthly meeting (UTC). One row per month with sessions.
owner: growth-data@example.com
written_for: redshift
inputs:
  - table: analytics.user_summary
expectations:
  - code: KEY-PAYING
    type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: active_users, column_B: paying_users, or_equal: true}
    notes: Whoever pays has come.
columns:
  - {name: month, type: date, nullable: false, description: First day of the month in which a session began.}
  - {name: active_users, type: bigint, nullable: false, metric: monthly_active_users}
  - {name: paying_users, type: bigint, nullable: false, description: "Those of them who paid, refunds or not."}
  - {name: net_revenue, type: bigint, nullable: false, unit: USD, description: "Paid, without what was paid back."}
key: [month]
grants: [analytics_users]
*/
SELECT
    CAST(DATE_TRUNC('month', ts) AS date) AS month,
    COUNT(DISTINCT userid) AS active_users,
    COUNT(DISTINCT CASE WHEN amount > 0 THEN userid END) AS paying_users,
    SUM(CASE WHEN NVL(refunded, false) THEN 0 ELSE NVL(amount, 0) END) AS net_revenue
FROM analytics.user_summary
WHERE ts IS NOT NULL
GROUP BY 1
