/*
target: analytics.user_first_last_channel
description: Through which channel a visitor came first and last. One row per visitor with a session of known start.
owner: marketing@example.com
inputs:
  - table: raw_data.user_session_channel
  - table: raw_data.session_timestamp
expectations:
  - code: FLC-ORDER
    type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: last_ts, column_B: first_ts, or_equal: true}
    notes: The last visit isn't before the first.
  - code: FLC-CHANNEL
    type: expect_column_values_to_not_be_null
    kwargs: {column: first_channel}
    notes: Every session has a channel.
key: [userid]
grants: [analytics_users]
metrics:
  first_channel: Channel of the visitor's earliest session (of two at the same instant, the one with the smaller sessionid).
  first_ts: When that session began, in UTC.
  last_channel: Channel of the latest session (of two at the same instant, the one with the greater sessionid).
  last_ts: When that session began, in UTC.
  sessions: Sessions of the visitor whose start is known.
*/
WITH numbered AS (
    SELECT
        visit.userid,
        visit.channel,
        began.ts,
        ROW_NUMBER() OVER (PARTITION BY visit.userid ORDER BY began.ts, visit.sessionid) AS from_first,
        ROW_NUMBER() OVER (PARTITION BY visit.userid ORDER BY began.ts DESC, visit.sessionid DESC) AS from_last
    FROM raw_data.user_session_channel AS visit
    JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
)
SELECT
    userid,
    MAX(CASE WHEN from_first = 1 THEN channel END) AS first_channel,
    MIN(ts) AS first_ts,
    MAX(CASE WHEN from_last = 1 THEN channel END) AS last_channel,
    MAX(ts) AS last_ts,
    COUNT(*) AS sessions
FROM numbered
GROUP BY userid
