"""Settings kept on the Prefect server: blocks that hold what the environment of a worker otherwise would.

Secrets are encrypted where the server keeps them and masked on its pages; its API hands them out in clear to whoever has its
login, so they are only sent to a server that asks for one. A block's document is named after the connection or notice
target it holds ('-' for '_'), or `default`.
"""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from deployments.addresses import S3_KEYS, is_s3, s3_connection
from deployments.errors import DeclarationError
from deployments.settings import Settings

DEFAULT = "default"


class HeadgateWarehouse(Block):
    """The warehouse that tables are loaded into."""

    _block_type_name: ClassVar[str | None] = "Headgate Warehouse"
    _block_type_slug: ClassVar[str | None] = "headgate-warehouse"
    _description: ClassVar[str | None] = "The warehouse that headgate loads into (HEADGATE_WAREHOUSE_URL)."

    url: SecretStr = Field(description="redshift://user:password@host:5439/database, or postgresql://...")
    copy_iam_role: str | None = Field(None, description="ARN of the role COPY reads the stage with (Redshift).")


class HeadgateStage(Block):
    """The object store that batches are staged in. Access by role or by the worker's AWS settings, never in here."""

    _block_type_name: ClassVar[str | None] = "Headgate Stage"
    _block_type_slug: ClassVar[str | None] = "headgate-stage"
    _description: ClassVar[str | None] = "Where headgate stages batches (HEADGATE_STAGE_URL)."

    url: str = Field(description="s3://bucket/prefix", pattern=r"^(s3|file)://")


class HeadgateConnection(Block):
    """A source's connection."""

    _block_type_name: ClassVar[str | None] = "Headgate Connection"
    _block_type_slug: ClassVar[str | None] = "headgate-connection"
    _description: ClassVar[str | None] = "A connection that sources name (HEADGATE_CONNECTION_<NAME>)."

    url: SecretStr = Field(description="postgresql://user:password@host/database, or https://host")


class HeadgateNotify(Block):
    """Where notices go."""

    _block_type_name: ClassVar[str | None] = "Headgate Notify"
    _block_type_slug: ClassVar[str | None] = "headgate-notify"
    _description: ClassVar[str | None] = "Where notices go (HEADGATE_NOTIFY_<NAME>)."

    url: SecretStr = Field(description="A URL as HEADGATE_NOTIFY_<NAME> has it.")


KINDS: tuple[type[Block], ...] = (HeadgateWarehouse, HeadgateStage, HeadgateConnection, HeadgateNotify)


def register() -> list[str]:
    """Make the block types known to the server; safe to repeat. Returns their slugs."""
    for kind in KINDS:
        kind.register_type_and_schema()
    return [str(kind._block_type_slug) for kind in KINDS]


def save(settings: Settings) -> list[str]:
    """Write what the settings hold into blocks, over what is there; returns the names of what was written."""
    register()
    written = []
    if settings.warehouse_url is not None:
        warehouse = HeadgateWarehouse(url=SecretStr(settings.warehouse_url), copy_iam_role=settings.copy_iam_role)
        warehouse.save(DEFAULT, overwrite=True)
        written.append(f"headgate-warehouse/{DEFAULT}")
    if settings.stage_url is not None:
        _refuse_keys(settings.stage_url)
        HeadgateStage(url=settings.stage_url).save(DEFAULT, overwrite=True)
        written.append(f"headgate-stage/{DEFAULT}")
    for name, url in settings.connections.items():
        HeadgateConnection(url=SecretStr(url)).save(name.replace("_", "-"), overwrite=True)
        written.append(f"headgate-connection/{name.replace('_', '-')}")
    for name, url in settings.notify.items():
        HeadgateNotify(url=SecretStr(url)).save(name.replace("_", "-"), overwrite=True)
        written.append(f"headgate-notify/{name.replace('_', '-')}")
    return written


def _refuse_keys(stage: str) -> None:
    if is_s3(stage) and s3_connection(stage).options.keys() & set(S3_KEYS):
        raise DeclarationError(
            "HEADGATE_STAGE_URL holds keys, which a server shows in clear to whoever may look at the stage",
            code="SETTING",
            next_command="give the workers a role, or AWS_* of their own; then: headgate blocks save",
        )
