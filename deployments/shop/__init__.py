"""The shop: the example project that is shipped, with its own small world of sources.

`tables/`, `suites/`, `summaries/` and `oncall.yaml` are what a team writes; `world/` stands for the systems around it.
"""
