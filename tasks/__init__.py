"""The verbs of a batch's life, one per file, and one folder per kind of outside system."""
