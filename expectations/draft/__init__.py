"""Drafts: what real records look like, and the declaration and suite that follow from them, for people to decide on."""
