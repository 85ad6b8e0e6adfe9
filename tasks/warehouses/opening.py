"""The adapter that belongs to a warehouse's URL."""

from __future__ import annotations

from deployments.errors import DeclarationError
from deployments.settings import Settings
from tasks.warehouses.protocol import Adapter


def open_warehouse(settings: Settings) -> Adapter:
    """The adapter for the configured warehouse; makes no connection yet."""
    if settings.warehouse_url is None:
        raise DeclarationError(
            "no warehouse is configured and the local stack isn't up", code="NO-WAREHOUSE", next_command="headgate up"
        )
    if settings.dialect == "postgresql":
        from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress

        return PostgresAdapter(PostgresAddress(settings.warehouse_url, settings.statement_timeout_seconds))
    if settings.stage_url is None or not settings.stage_url.startswith("s3://"):
        raise DeclarationError(
            "Redshift loads from S3: HEADGATE_STAGE_URL must start with s3://",
            code="STAGE-NOT-S3",
            next_command="export HEADGATE_STAGE_URL=s3://BUCKET/PREFIX",
        )
    from tasks.warehouses.redshift import RedshiftAdapter, RedshiftAddress

    address = RedshiftAddress(settings.warehouse_url, settings.statement_timeout_seconds)
    return RedshiftAdapter(address, settings.copy_iam_role)
