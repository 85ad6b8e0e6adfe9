/*
target: analytics.user_summary
description: Every session with its channel, visitor, start and payment, as far as they are known. One row per session.
owner: growth-data@example.com
tier: core
inputs:
  - table: raw_data.user_session_channel
    checks:
      - {code: USM-INPUT, sql: "SELECT COUNT(*) FROM raw_data.user_session_channel", at_least: 1000,
         notes: Every session must come out again as one row.}
  - table: raw_data.session_timestamp
    checks:
      - code: USM-TS-ONCE
        sql: >-
          SELECT COUNT(*) - COUNT(DISTINCT sessionid) FROM raw_data.session_timestamp
        equals: 0
        notes: A session with two starts would come out twice.
  - table: raw_data.session_transaction
    checks:
      - code: USM-TRX-ONCE
        sql: >-
          SELECT COUNT(*) - COUNT(DISTINCT sessionid) FROM raw_data.session_transaction
        equals: 0
        notes: A session with two payments would come out twice.
expectations:
  - code: USM-OUTPUT
    type: expect_row_count_to_match_table
    kwargs: {other_table: raw_data.user_session_channel}
    notes: As many rows come out as sessions went in; left joins neither lose nor double one.
key: [sessionid]
grants: [analytics_users]
physical: {diststyle: key, distkey: userid, sortkey: [ts]}
metrics:
  ts: When the session began, in UTC; empty when the tracker lost it.
  refunded: Whether the payment was paid back; empty without a payment and while it is pending.
  amount: Paid in USD; empty without a payment and while it is pending.
*/
SELECT
    visit.channel,
    visit.sessionid,
    visit.userid,
    began.ts,
    payment.refunded,
    payment.amount
FROM raw_data.user_session_channel AS visit
LEFT JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
LEFT JOIN raw_data.session_transaction AS payment ON payment.sessionid = visit.sessionid
