/*
target: analytics.variant_readout
description: What the running experiment shows. One row per variant, each beside the control.
owner: experiments@example.com
written_for: redshift
inputs:
  - table: raw_data.customer_variants
    checks:
      - code: VAR-CONTROL
        sql: SELECT COUNT(*) FROM raw_data.customer_variants WHERE variant = 'control'
        at_least: 1
        notes: Without a control there is nothing to compare with.
  - table: raw_data.customer_interactions
expectations:
  - code: VAR-CONVERSION
    type: expect_column_values_to_be_between
    kwargs: {column: conversion, min_value: 0, max_value: 1}
    notes: No more customers buy than there are.
  - code: VAR-INTERVAL
    type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: lift_high, column_B: lift_low, or_equal: true}
    notes: The interval has its ends in order.
columns:
  - {name: variant, type: varchar(16), nullable: false, description: control or test}
  - {name: users, type: bigint, nullable: false, description: Customers of the variant.}
  - {name: buyers, type: bigint, nullable: false, description: Customers who bought something that was shown to them.}
  - {name: revenue, type: "decimal(18,2)", nullable: false, unit: USD, description: What they paid for it.}
  - {name: conversion, type: double precision, nullable: false, description: "buyers / users, from 0 to 1."}
  - {name: lift, type: double precision, nullable: false, description: Conversion less that of the control.}
  - {name: lift_low, type: double precision, nullable: false, description: Lower end of the 95 % interval of lift (normal approximation).}
  - {name: lift_high, type: double precision, nullable: false, description: Upper end of it; with 0 inside the lift may be chance.}
key: [variant]
grants: [analytics_users]
*/
WITH bought AS (
    SELECT customer_id, SUM(NVL(paidamount, 0)) AS paid
    FROM raw_data.customer_interactions
    WHERE purchased = 1
    GROUP BY customer_id
),
counted AS (
    SELECT
        shown.variant,
        COUNT(*) AS users,
        COUNT(bought.customer_id) AS buyers,
        SUM(NVL(bought.paid, 0)) AS revenue
    FROM raw_data.customer_variants AS shown
    LEFT JOIN bought ON bought.customer_id = shown.customer_id
    GROUP BY shown.variant
),
rated AS (
    SELECT
        variant, users, buyers, revenue,
        CAST(buyers AS double precision) / users AS conversion,
        conversion * (1 - conversion) / users AS spread
    FROM counted
)
SELECT
    rated.variant,
    rated.users,
    rated.buyers,
    rated.revenue,
    rated.conversion,
    rated.conversion - control.conversion AS lift,
    lift - 1.96 * SQRT(rated.spread + control.spread) AS lift_low,
    lift + 1.96 * SQRT(rated.spread + control.spread) AS lift_high
FROM rated
CROSS JOIN (SELECT conversion, spread FROM rated WHERE variant = 'control') AS control
