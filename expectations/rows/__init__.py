"""Row rules (`rows: quarantine`): compiled once to DuckDB, evaluated over the whole batch by its parser."""
