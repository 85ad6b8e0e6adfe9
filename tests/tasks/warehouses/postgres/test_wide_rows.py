"""A row that no page of PostgreSQL holds: told as what it is, not as a fault of the software."""

from __future__ import annotations

import io

import psycopg2
import pytest

from deployments.embedded.stack import StackState
from deployments.errors import DeclarationError
from tasks.warehouses.postgres.copy import _explained


def test_a_row_that_no_page_holds(clients: StackState) -> None:
    columns = ", ".join(f"n{i} double precision" for i in range(1_100))
    assert clients.warehouse_url is not None
    with psycopg2.connect(clients.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE wide ({columns})")
        with pytest.raises(psycopg2.Error) as refused:
            cursor.copy_expert("COPY wide FROM STDIN (FORMAT csv)", io.StringIO(",".join(["0.5"] * 1_100) + "\n"))
        connection.rollback()
    told = _explained(refused.value, "s3://stage/part-1.csv", in_place=False)
    assert isinstance(told, DeclarationError)
    assert told.code == "ROW-TOO-WIDE"
    assert "row is too big" in told.message
    assert "Redshift has no such limit" in told.message
