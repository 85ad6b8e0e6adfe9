"""Columns that look like personal data, by their name or by how their values are spelled."""

from __future__ import annotations

import re
from typing import Literal

from expectations.draft.facts import FieldFacts

How = Literal["hash", "hide"]

# Whole words of a column's name. hash: still tells people apart in joins and counts; hide: read by people, never shown.
_HASH = ("email|e_mail|mail|mail_address|email_address|phone|phone_number|telephone|tel|mobile|mobile_number|cell|fax|"
         "ssn|social_security_number|passport|passport_number|iban|card_number|credit_card|ip|ip_address")  # fmt: skip
_HIDE = ("first_name|firstname|given_name|last_name|lastname|surname|family_name|middle_name|full_name|fullname|"
         "maiden_name|contact_name|customer_name|client_name|user_name|username|person_name|employee_name|patient_name|"
         "address|street|street_address|address_line_?[0-9]|home_address|birthday|birthdate|birth_date|date_of_birth|"
         "dob|comment|comments|message|feedback|free_text|remark|remarks")  # fmt: skip
_PEOPLE = re.compile(r"(^|_)(customers?|clients?|users?|persons?|people|employees?|patients?|members?|contacts?)(_|$)")
_MOSTLY = 0.5


def looks_personal(column: str, table: str, facts: FieldFacts) -> How | None:
    """How such a column should be kept, or None when nothing speaks for it."""
    if facts.filled and facts.emails >= _MOSTLY * facts.filled:
        return "hash"
    if _named(column, _HASH) and not _named(column, "(ip|mail|cell|mobile)_[a-z]*(count|flag|type)"):
        return "hash"
    # Digits alone are a telephone number only when the name says so: article numbers look the same.
    if facts.filled and facts.phones >= _MOSTLY * facts.filled:
        return "hash"
    if _named(column, _HIDE) or (column == "name" and _PEOPLE.search(table)):
        return "hide"
    return None


def _named(column: str, words: str) -> bool:
    return re.fullmatch(rf"([a-z0-9]+_)*({words})", column) is not None
