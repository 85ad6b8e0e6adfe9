"""The contract: bytes become parts, parts become rows, and a row either fits its columns or is set aside with a reason.

Nothing is guessed. Every type has a lexical pattern that both warehouses read the same; another spelling needs a
declared conversion. Rows that don't fit keep their bytes as they arrived.
"""
