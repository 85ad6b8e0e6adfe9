"""Where rows come from: one module per kind, each yielding CSV bytes with a header."""
