/*
target: analytics.attribution_month
description: Revenue of each month (UTC) by the channel of the visitor's first session, and by that of the session that paid. One row per month and channel.
owner: marketing@example.com
written_for: redshift
inputs:
  - table: raw_data.user_session_channel
  - table: raw_data.session_timestamp
  - table: raw_data.session_transaction
expectations:
  - code: ATT-SAME
    type: unexpected_rows_expectation
    kwargs:
      unexpected_rows_query: >-
        SELECT month, SUM(first_touch_revenue) AS by_first, SUM(last_touch_revenue) AS by_last FROM {batch}
        GROUP BY month HAVING SUM(first_touch_revenue) <> SUM(last_touch_revenue)
    notes: Whichever channel gets it, a month has the same revenue.
columns:
  - {name: month, type: date, nullable: false, description: First day of the month in which the paying session began.}
  - {name: channel, type: varchar(32), nullable: false, description: Channel of the first or of the paying session.}
  - {name: first_touch_revenue, type: bigint, nullable: false, unit: USD, description: Paid by visitors who first came by the channel.}
  - {name: last_touch_revenue, type: bigint, nullable: false, unit: USD, description: Paid in sessions of the channel.}
key: [month, channel]
grants: [analytics_users]
guard: {statement_timeout: 10m}
*/
WITH visit AS (
    SELECT session.userid, session.sessionid, session.channel, began.ts
    FROM raw_data.user_session_channel AS session
    JOIN raw_data.session_timestamp AS began ON began.sessionid = session.sessionid
),
first_touch AS (
    SELECT userid, channel
    FROM visit
    QUALIFY ROW_NUMBER() OVER (PARTITION BY userid ORDER BY ts, sessionid) = 1
),
paid AS (
    SELECT
        CAST(DATE_TRUNC('month', visit.ts) AS date) AS month,
        first_touch.channel AS first_channel,
        visit.channel AS last_channel,
        NVL(payment.amount, 0) AS amount
    FROM visit
    JOIN first_touch ON first_touch.userid = visit.userid
    JOIN raw_data.session_transaction AS payment ON payment.sessionid = visit.sessionid
    WHERE NOT NVL(payment.refunded, false)
),
touched AS (
    SELECT month, first_channel AS channel, amount AS first_touch, 0 AS last_touch
    FROM paid
    UNION ALL
    SELECT month, last_channel, 0, amount
    FROM paid
)
SELECT month, channel, SUM(first_touch) AS first_touch_revenue, SUM(last_touch) AS last_touch_revenue
FROM touched
GROUP BY month, channel
