/*
target: analytics.channel_month
description: Visitors, buyers and revenue of each channel in each month (UTC). One row for every channel and month, also without sessions.
owner: growth-data@example.com
tier: core
inputs:
  - table: analytics.calendar_month
  - table: raw_data.channel
  - table: raw_data.user_session_channel
    checks:
      - code: CHM-UNKNOWN-CHANNEL
        sql: >-
          SELECT COUNT(*) FROM raw_data.user_session_channel AS visit
          LEFT JOIN raw_data.channel AS channel ON channel.channelname = visit.channel
          WHERE channel.channelname IS NULL
        equals: 0
        notes: The visitors and the revenue of a channel that isn't in the list of channels would be missing here.
  - table: raw_data.session_timestamp
  - table: raw_data.session_transaction
    checks:
      - code: CHM-ORPHAN-PAYMENT
        sql: >-
          SELECT COUNT(*) FROM raw_data.session_transaction AS payment
          LEFT JOIN raw_data.user_session_channel AS visit ON visit.sessionid = payment.sessionid
          WHERE visit.sessionid IS NULL
        equals: 0
        notes: A payment without a session would be missing in the revenue.
expectations:
  - code: CHM-CONVERSION
    type: expect_column_values_to_be_between
    kwargs: {column: conversion_rate, min_value: 0, max_value: 1}
    notes: Buyers are some of the visitors; empty where nobody came.
  - code: CHM-NET
    type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: gross_revenue, column_B: net_revenue, or_equal: true}
    notes: Refunds only ever take away.
key: [month, channel]
grants: [analytics_users]
physical: {diststyle: all, sortkey: [month]}
metrics:
  unique_users: Different visitors with a session that began in the month through the channel; 0 when nobody came.
  paid_users: Those of them with a payment above 0 USD in such a session, refunded or not.
  conversion_rate: paid_users / unique_users, from 0 to 1; empty when nobody came.
  gross_revenue: Sum of the payments of these sessions in USD, refunded ones included, pending ones not.
  net_revenue: gross_revenue without the payments that were refunded, whenever that was.
sla:
  - {for: finance, fresh_by: "07:00", contact: finance-lead@example.com}
*/
WITH visited AS (
    SELECT
        CAST(DATE_TRUNC('month', began.ts) AS date) AS month,
        visit.channel,
        visit.userid,
        payment.amount,
        CASE WHEN payment.refunded THEN 0 ELSE payment.amount END AS kept_amount
    FROM raw_data.user_session_channel AS visit
    JOIN raw_data.session_timestamp AS began ON began.sessionid = visit.sessionid
    LEFT JOIN raw_data.session_transaction AS payment ON payment.sessionid = visit.sessionid
),
figure AS (
    SELECT
        month,
        channel,
        COUNT(DISTINCT userid) AS unique_users,
        COUNT(DISTINCT CASE WHEN amount > 0 THEN userid END) AS paid_users,
        SUM(amount) AS gross_revenue,
        SUM(kept_amount) AS net_revenue
    FROM visited
    GROUP BY month, channel
)
SELECT
    calendar.month,
    channel.channelname AS channel,
    COALESCE(figure.unique_users, 0) AS unique_users,
    COALESCE(figure.paid_users, 0) AS paid_users,
    -- A cast first: both warehouses divide whole numbers into a whole number.
    CAST(figure.paid_users AS double precision) / NULLIF(figure.unique_users, 0) AS conversion_rate,
    COALESCE(figure.gross_revenue, 0) AS gross_revenue,
    COALESCE(figure.net_revenue, 0) AS net_revenue
FROM analytics.calendar_month AS calendar
CROSS JOIN raw_data.channel AS channel
LEFT JOIN figure ON figure.month = calendar.month AND figure.channel = channel.channelname
