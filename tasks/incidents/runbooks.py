"""Which runbook a code belongs to: docs/runbooks/<name>.md. Every code has one; the family's own is the last resort."""

from __future__ import annotations

from deployments.errors import Family

RUNBOOKS: dict[str, tuple[str, ...]] = {
    "warehouse": (
        "WAREHOUSE-UNREACHABLE", "CONNECTION-LOST", "IN-DOUBT", "CONFLICT", "LOCKED", "STATEMENT-TIMEOUT", "WAREHOUSE-FULL",
        "WAREHOUSE-READ-ONLY", "WAREHOUSE-FAULT",
        "WAREHOUSE-LOGIN", "WAREHOUSE-TLS", "WAREHOUSE-RIGHTS", "VIEW-BROKEN", "VIEW-IN-THE-WAY", "TABLE-IN-THE-WAY",
        "NOT-OURS", "ROWS-ELSEWHERE", "ROWS-REWRITTEN", "LIVE-CONSTRAINT",
        "NO-REPLICA-IDENTITY",
    ),
    "stage": ("STAGE-UNREACHABLE", "STAGE-RIGHTS", "STAGE-LOST", "STAGE-CORRUPT", "STAGE-NOT-S3", "COPY-RIGHTS",
              "COPY-ROLE", "MIXED-CODECS"),
    "copy": ("COPY-REFUSED", "LOADED-DIFFERS", "READERS-DISAGREE", "ACCOUNTING", "PART-ACCOUNTING", "RUN-MIXED-UP"),
    "source": ("SOURCE-UNREACHABLE", "SOURCE-LOGIN", "SOURCE-TIMEOUT", "QUEUE", "SOURCE-CUT", "SOURCE-MISSING", "SOURCE-QUERY",
               "EMPTY-SOURCE", "EMPTY-FILE", "EMPTY-FOLDER", "LATE-UPSTREAM", "WAIT-FOR", "RECORD-WITHOUT-END", "TOO-LARGE",
               "PAGING", "CURSOR-NULL", "SOURCE-BUSY", "SOURCE-ANSWER", "SOURCE-NO-LENGTH", "SOURCE-ELSEWHERE",
               "NOT-PROVEN-EMPTY", "EMPTY-ANSWER", "SOURCE-REQUEST", "SOURCE-TLS", "PAGING-TOTAL", "PAGE-REPEATED",
               "PAGE-MISSING", "DLT-RESOURCE", "NO-DLT", "STATE-MOVED", "REPLICA-CONFLICT",
               "REPLICA-BEHIND", "NOT-A-REPLICA", "CONNECTIONS-TAKEN", "OUTSIDE-HOURS", "SNAPSHOT-AGE"),
    "data": ("CHECK-FAILED", "TOLERANCE", "SHRINK-GUARD", "KEY", "KEY-EXISTS", "KEY-TIE", "KEYS-STRANGE",
             "OBJECT-REPLACED", "OBJECT-REPEATED", "OUT-OF-WINDOW",
             "INPUT-MISSING", "SOURCE-DIFFERS", "METRIC-DIFFERS"),
    "drift": ("DRIFT",),
    "contract": ("HEADER", "HEADER-CHANGED", "NO-HEADER", "BAD-HEADER", "ENCODING", "NOT-TEXT", "ARCHIVE", "NOT-PARQUET",
                 "PARQUET-TYPE", "LINE-ENDS",
                 "NOT-JSON", "NOT-RECORDS", "SCHEMA-CHANGE", "WIDEN-REFUSED", "KEYS-UNFIT"),
    "late": ("LATE",),
    "prefect": ("RUN-CRASHED", "RUN-ORPHANED", "RUN-NOT-STARTED", "RUN-FAILED", "RUN-CANCELED", "SCHEDULE-PAUSED",
                "PREFECT-UNREACHABLE", "PREFECT-LOGIN", "PREFECT-OPEN", "DISK-FULL", "NOT-WRITABLE",
                "INTERRUPTED", "OLD-WORKER", "NOT-DEPLOYED", "WORKER-CRASHED", "DASK", "NO-DASK",
                "SPOOL-NOT-SHARED"),
    "declaration": ("DECLARATION", "SETTING", "NO-CONNECTION", "NO-PII-KEY", "SHORT-KEY", "PII-KEY-CHANGED",
                    "FOLDER-NOT-OURS", "POOL-TAKEN",
                    "NO-SUCH-WINDOW", "NO-WINDOWS", "CURSOR-TYPE", "CURSOR-ZONE", "CHUNK-KEY",
                    "APPEND-AGAIN", "UNKNOWN-TABLE", "SCHEDULE", "REPORT-URL", "SOURCE", "SAME-DATABASE",
                    "SECRET-IN-ADDRESS", "DRAFT-EXISTS",
                    "ROW-TOO-WIDE", "SUMMARY-READS", "SUMMARY-CALLS", "SUMMARY-SELECT", "SUMMARIES-AS",
                    "RULE-READS", "RULE-CALLS", "RULE-SELECT",
                    "OUTPUT-COLUMNS", "OUTPUT-VALUES", "NOT-ON-POSTGRESQL", "GUARD-JOIN", "UNKNOWN-READER", "UNKNOWN-RULE",
                    "NOT-COMPARABLE", "OLDER-VERSIONS"),
    "operations": ("LIVE-CHANGED", "LIVE-MISSING", "NOTHING-LOST", "NOTHING-TO-UNDO", "NOT-LAST", "ROLLBACK-KEYS",
                   "ROLLBACK-NOT-KEPT", "ROLLBACK-ONE", "ROLLBACK-ORDER", "ROLLBACK-RACE", "ROLLBACK-UNSAID",
                   "OVERRIDE-EXPIRED", "OVERRIDE-REFUSED", "QUARANTINE-CHANGED", "ACCEPT-REFUSED", "DECISIONS-ALTERED",
                   "NOT-YOURS-TO-DECIDE",
                   "ERASE-BUSY", "ERASE-KEY", "ERASED-MEANWHILE"),
    "software": ("UNFORESEEN", "DRAFT"),
}  # fmt: skip
_OF = {code: name for name, codes in RUNBOOKS.items() for code in codes}
_OF_FAMILY: dict[Family, str] = {
    "code": "software", "declaration": "declaration", "upstream": "data", "retryable": "warehouse",
}  # fmt: skip


def runbook(code: str, family: Family) -> str:
    """The name of the runbook of a code."""
    if code.startswith("SQL-"):
        return "warehouse"
    return _OF.get(code, _OF_FAMILY[family])
