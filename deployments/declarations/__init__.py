"""Declarations: what people write about tables, suites and summaries, as frozen models.

Each file under `tables/`, `suites/` and `summaries/` becomes one model. Reading reports every mistake of every file at
once, with its place; nothing here touches a network, a warehouse or Great Expectations.
"""
