"""The local stack: PostgreSQL 18, an S3 server and a Prefect server, for demo, tests and a first try.

Start with `stack.EmbeddedStack`. Everything lives below one state folder, listens on loopback only, and `down` ends it.
"""
