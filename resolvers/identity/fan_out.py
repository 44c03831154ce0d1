"""Fan-out: how many people a key leads to, which decides whether it is evidence of one person."""

from __future__ import annotations

from enum import StrEnum


class FanOut(StrEnum):
    """Only a personal key links. People who share a household's or a company's key are related, not one."""

    PERSONAL = "personal"
    HOUSEHOLD = "household"
    COMPANY = "company"
    JUNK = "junk"
