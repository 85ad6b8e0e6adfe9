"""First names and the gender they are mostly given to: a public file that the shop fetches over HTTP."""

from __future__ import annotations

from deployments.shop.world.dice import Dice
from deployments.shop.world.rows import Column, SourceRows
from deployments.shop.world.season import SEED

SYLLABLES = 600
STARTS = (
    "A",
    "Be",
    "Ca",
    "Da",
    "E",
    "Fi",
    "Ga",
    "Ha",
    "I",
    "Jo",
    "Ka",
    "Le",
    "Ma",
    "No",
    "Ol",
    "Pe",
    "Ri",
    "Sa",
    "Te",
    "Vi",
)
MIDDLES = ("bri", "de", "la", "li", "lo", "mi", "na", "ni", "ra", "ro", "sha", "ti", "vi")
ENDS = {
    "F": ("a", "lle", "nne", "ra", "ssa", "y"),
    "M": ("ck", "n", "no", "r", "s", "us"),
    "Unisex": ("ne", "ry", "xy"),
}
# Names as they come in every real list: an apostrophe, letters of several bytes, a comma, quotes.
REAL_NAMES = (
    ("O'Dell", "M"), ("Zoë", "F"), ("민준", "M"), ("서연", "F"), ("지우", "Unisex"),
    ("Anna, the younger", "F"), ('William "Bill"', "M"), ("José", "M"),
)  # fmt: skip


def build_names(seed: int = SEED) -> SourceRows:
    """Makes the list, sorted by name, each name once; the same seed gives the same rows."""
    dice = Dice(seed, "names")
    found = dict(REAL_NAMES)
    for _ in range(SYLLABLES):
        gender = dice.weighted(("F", "M", "Unisex"), (48, 42, 10))
        found.setdefault(dice.pick(STARTS) + dice.pick(MIDDLES) + dice.pick(ENDS[gender]), gender)
    return SourceRows(
        "name_gender",
        (Column("name", "varchar(64)"), Column("gender", "varchar(8)")),
        ("name",),
        tuple(sorted(found.items())),
    )
