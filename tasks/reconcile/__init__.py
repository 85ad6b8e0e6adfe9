"""Source and live table held against each other, window by window: how many rows, which sums, which hash, and which rows.

Both sides are read at one snapshot each. Source rows go through the contract, the row rules and the uniqueness rules first, so
that they are what a load would publish: equal means equal.
"""
