"""The fields of one CSV record as they are written, quotes included."""

from __future__ import annotations


def raw_fields(record: str, delimiter: str) -> list[str]:
    """The texts between the delimiters of a legal record; joined with the delimiter they are the record again."""
    fields: list[str] = []
    start, quoted = 0, False
    for position, character in enumerate(record):
        if character == '"':
            # A doubled quote changes it twice.
            quoted = not quoted
        elif character == delimiter and not quoted:
            fields.append(record[start:position])
            start = position + 1
    return [*fields, record[start:]]
