"""Incidents: what is wrong now, and who has been told. Pure state in, actions out; the edges read and keep."""
