"""PostgreSQL as a warehouse: the embedded default, and a real target for a small company."""

from tasks.warehouses.postgres.adapter import PostgresAdapter, PostgresAddress

__all__ = ["PostgresAdapter", "PostgresAddress"]
