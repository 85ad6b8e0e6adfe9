/*
target: analytics.parcels_by_city
description: Parcels and postage per city, all days together. One row per city.
owner: data-team@example.com
inputs:
  - table: raw_data.parcel
    checks:
      - code: PBC-ROWS
        sql: SELECT COUNT(*) FROM raw_data.parcel
        at_least: 1
        notes: An empty input would empty the summary.
key: [city]
grants: [analysts]
metrics:
  parcels: Parcels handed over.
  postage: US dollars paid to the carrier.
*/
SELECT
    city,
    COUNT(*) AS parcels,
    SUM(postage) AS postage
FROM raw_data.parcel
GROUP BY city
