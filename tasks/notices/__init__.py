"""Notices: what people are told when something breaks. One composer; per medium one renderer and one way to deliver."""
