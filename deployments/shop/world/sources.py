"""Every source of the shop by name, made once per process."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from deployments.shop.world.answers import build_answers
from deployments.shop.world.customers import build_customers
from deployments.shop.world.names import build_names
from deployments.shop.world.rows import SourceRows
from deployments.shop.world.season import SEED
from deployments.shop.world.visits import build_visits


@cache
def production_rows(seed: int = SEED) -> dict[str, SourceRows]:
    """The eight tables of the production database, by name."""
    visits, customers = build_visits(seed), build_customers(seed)
    tables = (
        visits.user_session_channel,
        visits.session_timestamp,
        visits.session_transaction,
        visits.channel,
        customers.customer_variants,
        customers.customer_features,
        customers.item_features,
        customers.customer_interactions,
    )
    return {table.name: table for table in tables}


@cache
def web_rows(seed: int = SEED) -> dict[str, SourceRows]:
    """What the shop's web server gives out, by name: `nps` (REST API) and `name_gender` (CSV file)."""
    return {"nps": build_answers(seed), "name_gender": build_names(seed)}


def all_rows(seed: int = SEED) -> dict[str, SourceRows]:
    """Every source by the name of its table in raw_data."""
    return {**production_rows(seed), **web_rows(seed)}


def fingerprint(seed: int = SEED) -> str:
    """A name for the rows that costs no making of them: the seed and the text of the code that makes them."""
    digest = hashlib.sha256(str(seed).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:32]
