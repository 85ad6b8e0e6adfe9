"""Tables of the `ops` schema, by numbered forward migrations. A worker that is older than the schema refuses to write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from tasks.warehouses import decision_chain, names
from tasks.warehouses.moments import naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import rows

MIGRATIONS: tuple[tuple[str | Callable[[Cursor], None], ...], ...] = (
    (
        "CREATE TABLE ops.run (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, kind varchar(16) NOT NULL, "
        "batch_key varchar(64) NOT NULL, label varchar(64) NOT NULL, status varchar(24) NOT NULL, "
        "window_start timestamp, window_end timestamp, started_at timestamp NOT NULL, finished_at timestamp, "
        "extracted bigint, published bigint, quarantined bigint, superseded bigint, deleted bigint, "
        "failure_code varchar(64), failure_family varchar(16), tier varchar(16), owner varchar(256), "
        "declaration_hash varchar(64), suite_hash varchar(64))",
        "CREATE TABLE ops.run_record (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, piece integer NOT NULL, "
        "body varchar(65535) NOT NULL)",
        "CREATE TABLE ops.check_result (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, "
        "code varchar(64) NOT NULL, type varchar(128) NOT NULL, place varchar(16) NOT NULL, severity varchar(16) NOT NULL, "
        "outcome varchar(16) NOT NULL, rows_checked bigint, rows_failed bigint, message varchar(4096), "
        "judged_at timestamp NOT NULL)",
        "CREATE TABLE ops.alert (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, column_name varchar(128), "
        "kind varchar(32) NOT NULL, level varchar(16) NOT NULL, score double precision NOT NULL, message varchar(4096), "
        "raised_at timestamp NOT NULL)",
        "CREATE TABLE ops.profile (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, batch_key varchar(64) NOT NULL, "
        "label varchar(64) NOT NULL, sequence bigint NOT NULL, piece integer NOT NULL, body varchar(65535) NOT NULL)",
        "CREATE TABLE ops.decision (decided_at timestamp NOT NULL, target varchar(128) NOT NULL, kind varchar(32) NOT NULL, "
        "column_name varchar(128), what varchar(64) NOT NULL, decided_by varchar(256) NOT NULL, reason varchar(4096) NOT NULL, "
        "expires_at timestamp, run_id varchar(128))",
        "CREATE TABLE ops.ledger (target varchar(128) NOT NULL, sequence bigint NOT NULL, batch_key varchar(64) NOT NULL, "
        "kind varchar(16) NOT NULL, run_id varchar(128) NOT NULL, published_at timestamp NOT NULL, extracted bigint NOT NULL, "
        "published bigint NOT NULL, quarantined bigint NOT NULL, superseded bigint NOT NULL, deleted bigint NOT NULL)",
    ),
    (
        # For BI tools: profile figures without the profile's JSON, one row per table, and results beside their runs.
        "CREATE TABLE ops.figure (run_id varchar(128) NOT NULL, target varchar(128) NOT NULL, batch_key varchar(64) NOT NULL, "
        "label varchar(64) NOT NULL, column_name varchar(128), figure varchar(32) NOT NULL, value double precision, "
        "low double precision, expected double precision, high double precision, measured_at timestamp NOT NULL)",
        "CREATE TABLE ops.table_report (target varchar(128) NOT NULL, kind varchar(16) NOT NULL, owner varchar(256), "
        "tier varchar(16), state varchar(16) NOT NULL, last_run_id varchar(128), last_status varchar(24), "
        "last_run_at timestamp, last_good_batch varchar(64), last_good_at timestamp, data_until timestamp, "
        "fresh_until timestamp, missing_batches integer NOT NULL, open_items integer NOT NULL, published_rows bigint, "
        "reported_at timestamp NOT NULL)",
        "CREATE VIEW ops.table_status AS SELECT s.target, s.kind, s.owner, s.tier, s.state, s.last_run_id, s.last_status, "
        "s.last_run_at, s.last_good_batch, s.last_good_at, s.data_until, s.fresh_until, s.missing_batches, s.open_items, "
        "s.published_rows, s.reported_at, coalesce(f.failed_runs, 0) AS failed_runs, coalesce(f.runs, 0) AS runs "
        "FROM ops.table_report s LEFT JOIN (SELECT target, count(*) AS runs, "
        "sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed_runs FROM ops.run GROUP BY target) f "
        "ON f.target = s.target",
        "CREATE VIEW ops.rule_history AS SELECT c.target, r.label, c.code, c.type, c.severity, c.place, c.outcome, "
        "c.rows_checked, c.rows_failed, c.message, r.status AS run_status, r.started_at, c.run_id "
        "FROM ops.check_result c JOIN ops.run r ON r.run_id = c.run_id",
    ),
    (
        "ALTER TABLE ops.ledger ADD COLUMN undone_by bigint",
        "ALTER TABLE ops.run ADD COLUMN attempt_id varchar(64)",
    ),
    (
        # What is wrong and who was told; what happened to flow runs, and what the watch has done once for all machines.
        "CREATE TABLE ops.incident (incident_id varchar(32) NOT NULL, scope varchar(256) NOT NULL, "
        "code varchar(64) NOT NULL, state varchar(16) NOT NULL, severity varchar(16) NOT NULL, family varchar(16) NOT NULL, "
        "tables integer NOT NULL, opened_at timestamp NOT NULL, closed_at timestamp, acknowledged_by varchar(256), "
        "silenced_until timestamp, times integer NOT NULL, changed_at timestamp NOT NULL, body varchar(65535) NOT NULL)",
        "CREATE TABLE ops.fact (fact_id varchar(128) NOT NULL, kind varchar(24) NOT NULL, subject varchar(128) NOT NULL, "
        "happened_at timestamp NOT NULL, flow_run_id varchar(64), message varchar(4096), told_by varchar(256))",
    ),
    (
        "DROP VIEW ops.table_status",
        "CREATE VIEW ops.table_status AS SELECT s.target, s.kind, s.owner, s.tier, s.state, s.last_run_id, s.last_status, "
        "s.last_run_at, s.last_good_batch, s.last_good_at, s.data_until, s.fresh_until, s.missing_batches, s.open_items, "
        "s.published_rows, s.reported_at, coalesce(f.failed_runs, 0) AS failed_runs, coalesce(f.runs, 0) AS runs, "
        "coalesce(i.open_incidents, 0) AS open_incidents, i.incident_since, i.incident_codes "
        "FROM ops.table_report s LEFT JOIN (SELECT target, count(*) AS runs, "
        "sum(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed_runs FROM ops.run GROUP BY target) f "
        "ON f.target = s.target "
        "LEFT JOIN (SELECT scope, count(*) AS open_incidents, min(opened_at) AS incident_since, "
        "CASE WHEN min(code) = max(code) THEN min(code) ELSE min(code) || ', ' || max(code) END AS incident_codes "
        "FROM ops.incident WHERE closed_at IS NULL GROUP BY scope) i ON i.scope = s.target",
    ),
    (
        # Books of a million runs are looked into by table, run and time.
        "CREATE INDEX run_of_target ON ops.run (target, started_at)",
        "CREATE INDEX run_by_id ON ops.run (run_id)",
        "CREATE INDEX run_by_batch ON ops.run (target, batch_key, started_at)",
        "CREATE INDEX run_by_time ON ops.run (started_at)",
        "CREATE INDEX run_by_end ON ops.run (finished_at)",
        "CREATE INDEX run_record_by_id ON ops.run_record (run_id)",
        "CREATE INDEX check_result_by_id ON ops.check_result (run_id)",
        "CREATE INDEX alert_by_id ON ops.alert (run_id)",
        "CREATE INDEX alert_of_target ON ops.alert (target, level)",
        "CREATE INDEX profile_of_target ON ops.profile (target, run_id)",
        "CREATE INDEX ledger_of_target ON ops.ledger (target, sequence)",
        "CREATE INDEX ledger_by_time ON ops.ledger (published_at)",
        "CREATE INDEX figure_by_id ON ops.figure (run_id)",
        "CREATE INDEX fact_by_id ON ops.fact (fact_id)",
        "CREATE INDEX incident_by_id ON ops.incident (incident_id)",
        "CREATE INDEX decision_of_target ON ops.decision (target, kind)",
    ),
    (
        "ALTER TABLE ops.decision ADD COLUMN sequence bigint",
        "ALTER TABLE ops.decision ADD COLUMN seal varchar(64)",
        "CREATE TABLE ops.decision_head (sequence bigint NOT NULL, seal varchar(64) NOT NULL)",
        decision_chain.begin,
    ),
    (
        "CREATE TABLE ops.reconciliation (target varchar(128) NOT NULL, batch_key varchar(64) NOT NULL, "
        "label varchar(64) NOT NULL, compared_at timestamp NOT NULL, source_rows bigint NOT NULL, live_rows bigint NOT NULL, "
        "missing bigint NOT NULL, changed bigint NOT NULL, surplus bigint NOT NULL, doubled bigint NOT NULL)",
    ),
    (
        # Which key the hashed columns of a table are hashed with, by a name that tells nothing of the key.
        "CREATE TABLE ops.hash_key (target varchar(128) NOT NULL, key_name varchar(64) NOT NULL)",
    ),
    (
        "CREATE TABLE ops.hash_key_change (target varchar(128) NOT NULL, sequence bigint NOT NULL, "
        "key_before varchar(64) NOT NULL)",
    ),
    (
        # A metric that two summaries have: whether it is the same in both.
        "CREATE TABLE ops.metric_comparison (metric varchar(128) NOT NULL, target varchar(128) NOT NULL, "
        "other varchar(128) NOT NULL, grain varchar(512) NOT NULL, run_id varchar(128) NOT NULL, compared_at timestamp NOT NULL, "
        "compared bigint NOT NULL, differing bigint NOT NULL, examples varchar(4096))",
    ),
)


def migrate(adapter: Adapter, cursor: Cursor) -> None:
    """Bring the schema to what this headgate knows; OLD-WORKER when it is beyond that."""
    if not adapter.exists(cursor, TableName(names.OPS, "version")):
        cursor.execute("CREATE TABLE ops.version (version integer NOT NULL, applied_at timestamp NOT NULL)")
    ((version,),) = rows(cursor, "SELECT coalesce(max(version), 0) FROM ops.version")
    if version > len(MIGRATIONS):
        raise DeclarationError(
            f"the warehouse's ops schema has version {version}, this headgate knows {len(MIGRATIONS)}: it is too old",
            code="OLD-WORKER",
            next_command="pip install --upgrade headgate   (on this worker)",
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in statements:
            if callable(statement):
                statement(cursor)
            # Redshift has no indexes; it sorts tables by what is asked of them itself.
            elif adapter.has_indexes or not statement.startswith("CREATE INDEX"):
                cursor.execute(statement)
        cursor.execute("INSERT INTO ops.version (version, applied_at) VALUES (%s, %s)",
                       (number, naive(datetime.now(UTC))))  # fmt: skip
