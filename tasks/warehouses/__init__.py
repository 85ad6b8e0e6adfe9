"""Warehouses: one protocol of candidates, proofs and publishes, and an adapter per kind in a folder of its own."""
