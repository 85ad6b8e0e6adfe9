"""What a build may cost the warehouse."""

from __future__ import annotations

from pydantic import Field

from deployments.declarations.model import Declared, Duration, Identifier


class Guard(Declared):
    """Bounds of a build's statements, for the sake of everybody else's."""

    statement_timeout: Duration | None = Field(
        None, description="The warehouse cancels a longer statement; default: HEADGATE_STATEMENT_TIMEOUT_SECONDS."
    )
    query_group: Identifier | None = Field(
        None,
        description="Redshift's query_group, by which a WLM queue is chosen; default: headgate. PostgreSQL has no queues and "
        "shows it as application_name.",
    )
    slots: int | None = Field(
        None, ge=1, le=50, description="Redshift: wlm_query_slot_count, so many slots of its queue."
    )
    pairs: int = Field(
        100_000_000,
        ge=0,
        description="A join that compares columns of both sides by no equality may compare so many pairs of rows, by the plan's "
        "estimate; more, and nothing is built.",
    )
