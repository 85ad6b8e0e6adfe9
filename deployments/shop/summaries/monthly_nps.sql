/*
target: analytics.monthly_nps
description: Net promoter score of each month (UTC), from the survey's answers. One row per month, also without answers.
owner: customer-care@example.com
tier: core
inputs:
  - table: analytics.calendar_month
  - table: raw_data.nps
    checks:
      - code: MNP-SCALE
        sql: SELECT COUNT(*) FROM raw_data.nps WHERE score < 0 OR score > 10
        equals: 0
        notes: A score outside 0 to 10 would be counted as a detractor or a promoter.
expectations:
  - code: MNP-RANGE
    type: expect_column_values_to_be_between
    kwargs: {column: nps, min_value: -100, max_value: 100}
    notes: From all detractors to all promoters; empty in a month without answers.
  - code: MNP-PARTS
    type: expect_column_sums_to_agree
    kwargs: {total_column: answers, part_columns: [promoters, passives, detractors]}
    notes: Every answer is one of the three.
key: [month]
grants: [analytics_users]
metrics:
  answers: Answers with a score that were given in the month.
  promoters: Answers with 9 or 10.
  passives: Answers with 7 or 8.
  detractors: Answers with 0 to 6.
  nps: 100 x (promoters - detractors) / answers, from -100 to 100; empty in a month without answers.
sla:
  - {for: customer care, fresh_by: "08:00", contact: customer-care@example.com}
*/
WITH counted AS (
    SELECT
        CAST(DATE_TRUNC('month', created_at) AS date) AS month,
        COUNT(score) AS answers,
        COUNT(CASE WHEN score >= 9 THEN 1 END) AS promoters,
        COUNT(CASE WHEN score BETWEEN 7 AND 8 THEN 1 END) AS passives,
        COUNT(CASE WHEN score <= 6 THEN 1 END) AS detractors
    FROM raw_data.nps
    GROUP BY CAST(DATE_TRUNC('month', created_at) AS date)
)
SELECT
    calendar.month,
    COALESCE(counted.answers, 0) AS answers,
    COALESCE(counted.promoters, 0) AS promoters,
    COALESCE(counted.passives, 0) AS passives,
    COALESCE(counted.detractors, 0) AS detractors,
    CAST(100 * (counted.promoters - counted.detractors) AS double precision) / NULLIF(counted.answers, 0) AS nps
FROM analytics.calendar_month AS calendar
LEFT JOIN counted ON counted.month = calendar.month
