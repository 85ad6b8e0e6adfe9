"""The systems around the shop: a production PostgreSQL, a file server and a survey API, with made-up rows.

Every row comes from one seed; the same code gives the same bytes on every machine and Python.
"""
