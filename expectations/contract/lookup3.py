"""PostgreSQL's 64-bit hashes of texts and whole numbers (`hashtextextended`, `timestamp_hash_extended`), of many values at once.

The algorithm is Bob Jenkins's lookup3 (public domain), as `src/common/hashfn.c` of PostgreSQL has it for machines with the lowest
byte first: a text is taken in blocks of twelve bytes, three words that are mixed into three others. Rows are laid side by side,
so that each step of the algorithm is one operation of numpy over thousands of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Hashes = NDArray[np.uint64]
Lengths = NDArray[np.int64]

BYTES_OF_BLOCK = 12
_AT_ONCE = 16_384
"""Rows whose words stay in the processor's cache."""
_FIRST = 0x9E3779B9 + 3923095
_MIX = ((0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4))
"""x, y, z, bits: x loses y and is crossed with y turned by so many bits; y gains z."""
_FINAL = ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24))
"""x, y, bits: x is crossed with y and loses y turned by so many bits."""
_KEPT = np.array(
    [[(1 << 8 * min(4, max(0, rest - 4 * word))) - 1 for rest in range(BYTES_OF_BLOCK)] for word in range(3)], np.uint32
)
"""By word and by how many bytes are left: the bits of the word that belong to the text."""


def of_texts(blob: bytes, lengths: Lengths, seeds: Hashes | None = None) -> Hashes:
    """The hash of each text, one behind the other in `blob`, of so many bytes each; with a seed of its own each, or 0.

    Raises ValueError when the lengths don't add up to the blob.
    """
    if int(lengths.sum()) != len(blob):
        raise ValueError(f"texts of {int(lengths.sum())} bytes in {len(blob)}")
    found, start = np.empty(len(lengths), np.uint64), 0
    for first in range(0, len(found), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        end = start + int(lengths[some].sum())
        found[some] = _hashed(_Blocks(blob[start:end], lengths[some]), None if seeds is None else seeds[some])
        start = end
    return found


def of_integers(values: NDArray[np.int64]) -> Hashes:
    """The hash of each number of 64 bits (microseconds since 2000, of a timestamp), with the seed 0."""
    upper, lower = (values >> 32).astype(np.uint32), values.astype(np.uint32)
    lower ^= np.where(values >= 0, upper, ~upper)
    found = np.empty(len(values), np.uint64)
    for first in range(0, len(values), _AT_ONCE):
        some = lower[first : first + _AT_ONCE]
        state = _State.begun(np.full(len(some), 4, np.uint32), None)
        state.add(0, some)
        found[first : first + _AT_ONCE] = state.final()
    return found


def total(hashes: Hashes) -> int:
    """The exact sum of the hashes as a warehouse adds them up: of numbers with a sign."""
    signed = hashes.view(np.int64)
    return (int((signed >> 32).sum()) << 32) + int((signed & 0xFFFFFFFF).sum())


class _Blocks:
    """Texts one behind the other, and their blocks: for each of some texts three words."""

    def __init__(self, blob: bytes, lengths: Lengths) -> None:
        self.lengths = lengths
        # The last block is read whole.
        self._padded, longest = blob + bytes(BYTES_OF_BLOCK), int(lengths.max())
        self._length_of_all = longest if longest * len(lengths) == len(blob) else None
        if self._length_of_all is None:
            self._starts = np.cumsum(lengths) - lengths
            # At every byte a block begins.
            self._blocks = np.ndarray((len(blob) + 1,), f"V{BYTES_OF_BLOCK}", self._padded, 0, (1,))

    def words(self, number: int | Lengths, chosen: NDArray[np.intp] | slice) -> Words:
        """The words of a block of each chosen text, from 0 on. Behind the end of a text they are those of the next."""
        if self._length_of_all is not None:
            # They are read where they lie, as far apart as the texts.
            place = BYTES_OF_BLOCK * int(number)
            words: Words = np.ndarray((len(self.lengths), 3), "<u4", self._padded, place, (self._length_of_all, 4))
            return words
        blocks = self._blocks[self._starts[chosen] + BYTES_OF_BLOCK * number]
        gathered: Words = blocks.view("<u4").reshape(-1, 3)
        return gathered


class _State:
    """The three words of each row."""

    def __init__(self, words: list[Words]) -> None:
        self.words = words
        self._spare, self._other = np.empty_like(words[0]), np.empty_like(words[0])

    @classmethod
    def begun(cls, lengths: Words, seeds: Hashes | None) -> _State:
        first = lengths + np.uint32(_FIRST & 0xFFFFFFFF)
        if seeds is None:
            return cls([first, first.copy(), first.copy()])
        seeded = cls([first + (seeds >> 32).astype(np.uint32), first + seeds.astype(np.uint32), first.copy()])
        seeded.mix(len(first))
        without = np.flatnonzero(seeds == 0)
        for word in seeded.words:
            word[without] = first[without]
        return seeded

    def add(self, word: int, values: Words) -> None:
        """To a word of the first rows."""
        self.words[word][: len(values)] += values

    def take_in(self, texts: _Blocks, block: int, chosen: NDArray[np.intp] | slice) -> None:
        """A whole block of the chosen texts, which are the first rows."""
        words = texts.words(block, chosen)
        for word in range(3):
            self.add(word, words[:, word])

    def take_rest(self, texts: _Blocks, blocks: int | Lengths, chosen: NDArray[np.intp] | slice, rest: Lengths) -> None:
        """So many bytes of each text, behind its whole blocks. The lowest byte of the last word belongs to the length."""
        longest, words = int(rest.max()), texts.words(blocks, chosen)
        for word in range(3):
            if longest > 4 * word:
                found = words[:, word] & _KEPT[word].take(rest)
                self.add(word, found << np.uint32(8) if word == 2 else found)

    def mix(self, rows: int) -> None:
        """The words of the first rows."""
        a = [word[:rows] for word in self.words]
        for x, y, z, bits in _MIX:
            a[x] -= a[y]
            a[x] ^= self._turned(a[y], bits)
            a[y] += a[z]

    def _turned(self, word: Words, bits: int) -> Words:
        """A word whose upper bits have become the lower ones; it is there until the next one is asked for."""
        upper, lower = self._spare[: len(word)], self._other[: len(word)]
        np.left_shift(word, bits, out=upper)
        np.right_shift(word, 32 - bits, out=lower)
        return np.bitwise_or(upper, lower, out=upper)

    def final(self) -> Hashes:
        """The hash of each row; the words are used up."""
        a = self.words
        for x, y, bits in _FINAL:
            a[x] ^= a[y]
            a[x] -= self._turned(a[y], bits)
        return (a[1].astype(np.uint64) << np.uint64(32)) | a[2]


def _hashed(texts: _Blocks, seeds: Hashes | None) -> Hashes:
    blocks = texts.lengths // BYTES_OF_BLOCK
    if int(blocks.min()) == int(blocks.max()):
        state = _State.begun(texts.lengths.astype(np.uint32), seeds)
        everything, whole = slice(None), int(blocks[0])
        for block in range(whole):
            state.take_in(texts, block, everything)
            state.mix(len(blocks))
        state.take_rest(texts, whole, everything, texts.lengths - BYTES_OF_BLOCK * whole)
        return state.final()
    # The longest first: those that have a block of a number are the first ones.
    order = np.argsort(-blocks, kind="stable")
    blocks, lengths = blocks[order], texts.lengths[order]
    state = _State.begun(lengths.astype(np.uint32), None if seeds is None else seeds[order])
    for block in range(int(blocks[0])):
        rows = int(np.searchsorted(-blocks, -block, side="left"))
        state.take_in(texts, block, order[:rows])
        state.mix(rows)
    state.take_rest(texts, blocks, order, lengths - BYTES_OF_BLOCK * blocks)
    found = np.empty(len(blocks), np.uint64)
    found[order] = state.final()
    return found
