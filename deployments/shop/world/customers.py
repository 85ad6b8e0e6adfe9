"""What the shop knows of customers and items: their features, each customer's variant, and the items shown in November.

The last day's paid amounts are planted in cents (`planted.DRIFT`): each is a valid amount, only the whole day is a
hundred times too high.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from deployments.shop.world.dice import Dice
from deployments.shop.world.planted import CENTS_DAY
from deployments.shop.world.rows import Column, Row, SourceRows
from deployments.shop.world.season import SEED, days, demand
from deployments.shop.world.visits import USERS

ITEMS = 120
FIRST_INTERACTION = date(2019, 11, 1)
SHOWN_PER_DAY = 420
CLICKED = 0.38
PURCHASED = 0.3


@dataclass(frozen=True)
class Customers:
    """The four tables about customers and items."""

    customer_variants: SourceRows
    customer_features: SourceRows
    item_features: SourceRows
    customer_interactions: SourceRows


def build_customers(seed: int = SEED) -> Customers:
    """Makes the four tables; the same seed gives the same rows."""
    items = _items(Dice(seed, "items"))
    return Customers(_variants(Dice(seed, "variants")), _features(Dice(seed, "features")), items, _shown(seed, items))


def _variants(dice: Dice) -> SourceRows:
    rows: tuple[Row, ...] = tuple((number, "test" if dice.chance(0.5) else "control") for number in range(1, USERS + 1))
    return SourceRows(
        "customer_variants",
        (Column("customer_id", "integer"), Column("variant", "varchar(16)")),
        ("customer_id",),
        rows,
    )


def _features(dice: Dice) -> SourceRows:
    """Customers who never answered have no gender; those seen for less than a week have no engagement level."""
    rows: tuple[Row, ...] = tuple(
        (
            number,
            None if dice.chance(0.03) else dice.weighted((1, 2, 3, 4, 5), (18, 27, 28, 17, 10)),
            None if dice.chance(0.08) else dice.weighted(("F", "M"), (53, 47)),
        )
        for number in range(1, USERS + 1)
    )
    return SourceRows(
        "customer_features",
        (Column("customer_id", "integer"), Column("engagement_level", "smallint"), Column("gender", "varchar(1)")),
        ("customer_id",),
        rows,
    )


def _items(dice: Dice) -> SourceRows:
    """Items whose popularity is still unknown (NULL) are new ones."""
    rows: tuple[Row, ...] = tuple(
        (
            number,
            dice.weighted((1, 2, 3, 4, 5), (6, 15, 34, 30, 15)),
            None if dice.chance(0.05) else _decimal(100 + dice.below(9900), 4),
            _decimal(490 + 100 * dice.below(30 if dice.chance(0.7) else 95), 2),
        )
        for number in range(1, ITEMS + 1)
    )
    return SourceRows(
        "item_features",
        (
            Column("item_id", "integer"),
            Column("quality", "smallint"),
            Column("popularity", "numeric(5,4)"),
            Column("price", "numeric(10,2)"),
        ),
        ("item_id",),
        rows,
    )


def _shown(seed: int, items: SourceRows) -> SourceRows:
    dice = Dice(seed, "interactions")
    prices = {int(str(record["item_id"])): Decimal(str(record["price"])) for record in items.records()}
    rows = tuple(row for day in days() if day >= FIRST_INTERACTION for row in _shown_on(dice, day, prices))
    return SourceRows(
        "customer_interactions",
        (
            Column("customer_id", "integer"),
            Column("datestamp", "date"),
            Column("item_id", "integer"),
            Column("clicked", "smallint"),
            Column("purchased", "smallint"),
            Column("paidamount", "numeric(12,2)"),
        ),
        ("customer_id", "datestamp", "item_id", "clicked", "purchased"),
        rows,
    )


def _shown_on(dice: Dice, day: date, prices: dict[int, Decimal]) -> list[Row]:
    """The items shown on one day, each pair of customer and item once; not purchased means no amount (NULL)."""
    wanted = int(SHOWN_PER_DAY * demand(day) * dice.between(0.96, 1.04))
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < wanted:
        pairs[1 + dice.below(USERS), 1 + dice.below(ITEMS)] = None
    return [_shown_to(dice, day, customer, item, prices[item]) for customer, item in sorted(pairs)]


def _shown_to(dice: Dice, day: date, customer: int, item: int, price: Decimal) -> Row:
    clicked = dice.chance(CLICKED)
    purchased = clicked and dice.chance(PURCHASED)
    if not purchased:
        return customer, day, item, int(clicked), 0, None
    cents = int(price * 100) * (100 - dice.weighted((0, 5, 10, 20), (70, 12, 12, 6))) // 100
    return customer, day, item, 1, 1, _decimal(cents * 100 if day == CENTS_DAY else cents, 2)


def _decimal(digits: int, places: int) -> Decimal:
    """1799 with two places is 17.99."""
    return Decimal(digits).scaleb(-places)
