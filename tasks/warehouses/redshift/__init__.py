"""Amazon Redshift as a warehouse: one COPY of one manifest, and SQL that keeps to what the service knows."""

from tasks.warehouses.redshift.adapter import RedshiftAdapter, RedshiftAddress

__all__ = ["RedshiftAdapter", "RedshiftAddress"]
