"""A driver's error becomes one of ours by who must act; Redshift tells much of it in words only."""

from __future__ import annotations

import psycopg2
import pytest

from deployments.errors import CodeError, DeclarationError, RetryableError
from tasks.warehouses.session import explain, is_conflict


class Refused(psycopg2.InternalError):
    """An error as the server sends it: a state and a text."""

    def __init__(self, state: str | None, text: str) -> None:
        super().__init__(text)
        self.state = state

    @property
    def pgcode(self) -> str | None:  # type: ignore[override]
        return self.state


@pytest.mark.parametrize(
    ("state", "text", "code", "family"),
    [
        ("XX000", "1023\nDETAIL:  Serializable isolation violation on table - 1", "CONFLICT", RetryableError),
        ("40001", "could not serialize access", "CONFLICT", RetryableError),
        ("53400", "configuration limit exceeded", "WAREHOUSE-FULL", RetryableError),
        ("25006", "cannot execute CREATE TABLE in a read-only transaction", "WAREHOUSE-READ-ONLY", RetryableError),
        ("58030", "could not read block 3 in file", "WAREHOUSE-FAULT", RetryableError),
        ("XX001", "invalid page in block 3", "WAREHOUSE-FAULT", RetryableError),
        ("XX000", "Disk Full\nDETAIL: ...", "WAREHOUSE-FULL", RetryableError),
        ("55P03", "canceling statement due to lock timeout", "LOCKED", RetryableError),
        ("57014", "canceling statement due to statement timeout", "STATEMENT-TIMEOUT", RetryableError),
        ("57P01", "terminating connection due to administrator command", "CONNECTION-LOST", RetryableError),
        ("42501", "permission denied for relation orders", "WAREHOUSE-RIGHTS", DeclarationError),
        ("XX000", "S3ServiceException:Access Denied,Status 403,Error AccessDenied", "COPY-RIGHTS", DeclarationError),
        ("XX000", "S3ServiceException:Slow Down,Status 503,Error SlowDown", "STAGE-UNREACHABLE", RetryableError),
        ("XX000", "The specified S3 prefix 'x' does not exist", "STAGE-LOST", RetryableError),
        ("XX000", "Load into table 'orders1023' failed.  Check 'stl_load_errors'", "SQL-XX000", CodeError),
        ("42601", "syntax error at or near \"x\"", "SQL-42601", CodeError),
    ],
)  # fmt: skip
def test_families(state: str, text: str, code: str, family: type[Exception]) -> None:
    known = explain(Refused(state, text), "doing")
    assert (known.code, type(known)) == (code, family)


@pytest.mark.parametrize("text", ["Load into table 'x1023' failed", "value 1023 out of range", "XX"])
def test_a_number_in_a_text_is_no_conflict(text: str) -> None:
    assert not is_conflict(Refused("XX000", text))
