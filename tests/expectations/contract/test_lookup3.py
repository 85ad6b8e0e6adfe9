"""PostgreSQL's own hash, computed by numpy: what the server says of the same texts and numbers."""

from __future__ import annotations

import random
from contextlib import closing

import numpy as np
import psycopg2
import pytest

from deployments.embedded.stack import StackState
from expectations.contract import lookup3

LETTERS = "abc é한\x01 z"


def encoded(texts: list[str]) -> tuple[bytes, lookup3.Lengths]:
    pieces = [text.encode() for text in texts]
    return b"".join(pieces), np.array([len(piece) for piece in pieces])


def said(clients: StackState, statement: str, *given: list[object]) -> list[int]:
    assert clients.warehouse_url is not None
    with closing(psycopg2.connect(clients.warehouse_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, given)
        return [int(row[0]) for row in cursor.fetchall()]


OF_TEXTS = 'SELECT hashtextextended(t COLLATE "C", s) FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY x(t, s, n) ORDER BY n'


@pytest.mark.parametrize(
    "lengths", [(0, 60), (0, 11), (12, 12), (7, 7), (32, 32), (36, 36), (24, 25), (0, 0), (118, 121)]
)
def test_texts_are_hashed_as_the_server_hashes_them(clients: StackState, lengths: tuple[int, int]) -> None:
    dice = random.Random(sum(lengths))
    letters = "abcz" if lengths[0] == lengths[1] else LETTERS
    # More than are hashed at once.
    texts = ["".join(dice.choices(letters, k=dice.randint(*lengths))) for _ in range(20_000)]
    seeds = [dice.choice([0, 1, -1, -(2**63), dice.randrange(-(2**63), 2**63)]) for _ in texts]
    hashes = lookup3.of_texts(*encoded(texts), np.array(seeds, np.int64).view(np.uint64))
    theirs = said(clients, OF_TEXTS, texts, seeds)
    assert hashes.view(np.int64).tolist() == theirs
    assert lookup3.total(hashes) == sum(theirs)
    assert lookup3.of_texts(*encoded(texts)).view(np.int64).tolist() == said(clients, OF_TEXTS, texts, [0] * len(texts))


def test_numbers_are_hashed_as_the_server_hashes_them(clients: StackState) -> None:
    dice = random.Random(5)
    numbers = [0, 1, -1, 2**63 - 1, -(2**63), *(dice.randrange(-(2**62), 2**62) for _ in range(20_000))]
    theirs = said(
        clients, "SELECT hashint8extended(v, 0) FROM unnest(%s::bigint[]) WITH ORDINALITY x(v, n) ORDER BY n", numbers
    )
    assert lookup3.of_integers(np.array(numbers)).view(np.int64).tolist() == theirs


def test_no_texts_have_no_hashes() -> None:
    assert lookup3.total(lookup3.of_texts(b"", np.array([], np.int64))) == 0
    assert lookup3.total(lookup3.of_integers(np.array([], np.int64))) == 0


def test_lengths_that_are_not_those_of_the_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="texts of 3 bytes in 2"):
        lookup3.of_texts(b"ab", np.array([1, 2]))
