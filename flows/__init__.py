"""One file per flow, and the command line."""
