/*
target: analytics.cohort_retention
description: Of the visitors who first came in one month, how many came in each later month. One row per cohort and month since.
owner: growth-data@example.com
inputs:
  - table: analytics.calendar_month
  - table: raw_data.user_session_channel
  - table: raw_data.session_timestamp
expectations:
  - code: COH-RETENTION
    type: expect_column_values_to_be_between
    kwargs: {column: retention, min_value: 0, max_value: 1}
    notes: Nobody comes back who wasn't there.
  - code: COH-FIRST
    type: expect_column_values_to_be_between
    kwargs: {column: months_since, min_value: 0}
    notes: A cohort begins with its first month.
key: [cohort_month, month]
grants: [analytics_users]
metrics:
  cohort_users: Visitors whose first session began in cohort_month.
  months_since: Months from cohort_month to month; 0 in the first.
  active_users: Visitors of the cohort with a session that began in the month.
  retention: active_users / cohort_users, from 0 to 1.
*/
WITH active AS (
    SELECT DISTINCT
        visit.userid,
        12 * CAST(EXTRACT(YEAR FROM began.ts) AS integer) + CAST(EXTRACT(MONTH FROM began.ts) AS integer) - 1
            AS month_number
    FROM raw_data.user_session_channel AS visit
    JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
),
joined AS (
    SELECT userid, MIN(month_number) AS cohort_number
    FROM active
    GROUP BY userid
),
cohort AS (
    SELECT cohort_number, COUNT(*) AS cohort_users
    FROM joined
    GROUP BY cohort_number
),
returned AS (
    SELECT joined.cohort_number, active.month_number, COUNT(*) AS active_users
    FROM joined
    JOIN active ON active.userid = joined.userid
    GROUP BY joined.cohort_number, active.month_number
)
SELECT
    began.month AS cohort_month,
    later.month,
    later.month_number - cohort.cohort_number AS months_since,
    cohort.cohort_users,
    COALESCE(returned.active_users, 0) AS active_users,
    CAST(COALESCE(returned.active_users, 0) AS double precision) / cohort.cohort_users AS retention
FROM cohort
JOIN analytics.calendar_month AS began ON began.month_number = cohort.cohort_number
JOIN analytics.calendar_month AS later ON later.month_number >= cohort.cohort_number
LEFT JOIN returned ON returned.cohort_number = cohort.cohort_number AND returned.month_number = later.month_number
