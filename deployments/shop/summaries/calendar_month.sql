/*
target: analytics.calendar_month
description: Every month from the first session to the last, also one without any session. One row per month.
owner: analytics@example.com
inputs:
  - table: raw_data.session_timestamp
    checks:
      - {code: CAL-INPUT, sql: "SELECT COUNT(*) FROM raw_data.session_timestamp", at_least: 1,
         notes: Without sessions there is neither a first nor a last month.}
expectations:
  - code: CAL-NUMBER
    type: expect_column_values_to_be_unique
    kwargs: {column: month_number}
    notes: A month stands once.
key: [month]
grants: [analytics_users]
physical: {diststyle: all}
metrics:
  month_number: Months since the year 0 (12 x year + month - 1), for counting months between two dates.
*/
WITH digit AS (
    SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
    UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
),
span AS (
    SELECT
        MIN(12 * CAST(EXTRACT(YEAR FROM ts) AS integer) + CAST(EXTRACT(MONTH FROM ts) AS integer) - 1) AS first_month,
        MAX(12 * CAST(EXTRACT(YEAR FROM ts) AS integer) + CAST(EXTRACT(MONTH FROM ts) AS integer) - 1) AS last_month
    FROM raw_data.session_timestamp
),
candidate AS (  -- a thousand months: 83 years
    SELECT span.first_month + 100 * hundreds.n + 10 * tens.n + ones.n AS month_number, span.last_month
    FROM span
    CROSS JOIN digit AS hundreds
    CROSS JOIN digit AS tens
    CROSS JOIN digit AS ones
)
SELECT
    -- Both warehouses divide whole numbers into a whole number: 24244 / 12 is the year 2020.
    TO_DATE(CAST(10000 * (month_number / 12) + 100 * (MOD(month_number, 12) + 1) + 1 AS varchar(8)), 'YYYYMMDD') AS month,
    month_number
FROM candidate
WHERE month_number <= last_month
