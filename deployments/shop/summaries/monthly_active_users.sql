/*
target: analytics.monthly_active_users
description: How many visitors came in a month (UTC). One row per month with sessions.
owner: growth-data@example.com
tier: core
inputs:
  - table: raw_data.user_session_channel
  - table: raw_data.session_timestamp
    checks:
      - code: MAU-LOST
        sql: >-
          SELECT COUNT(*) FROM raw_data.user_session_channel AS visit
          LEFT JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
          WHERE began.sessionid IS NULL
        at_most: 500
        severity: warning
        notes: Sessions whose start the tracker lost are counted in no month; some forty are usual.
expectations:
  - code: MAU-USERS
    type: expect_column_values_to_be_between
    kwargs: {column: active_users, min_value: 1}
    notes: A month stands here because somebody came.
  - code: MAU-SESSIONS
    type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: sessions, column_B: active_users, or_equal: true}
    notes: Every active visitor has at least one session.
columns:
  - {name: month, type: date, nullable: false, description: First day of the month in which a session began.}
  - {name: active_users, type: bigint, nullable: false, metric: monthly_active_users}
  - {name: sessions, type: bigint, nullable: false, description: Sessions that began in the month.}
key: [month]
grants: [analytics_users]
sla:
  - {for: growth, fresh_by: "07:00", contact: growth-lead@example.com}
*/
SELECT
    CAST(DATE_TRUNC('month', began.ts) AS date) AS month,
    COUNT(DISTINCT visit.userid) AS active_users,
    COUNT(*) AS sessions
FROM raw_data.user_session_channel AS visit
JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
GROUP BY CAST(DATE_TRUNC('month', began.ts) AS date)
