"""Country names that stand in HubSpot's free-text country field, where HubSpot has derived no code from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

_NAMES = """
AE United Arab Emirates|AR Argentina|AT Austria|AT Österreich|AU Australia|BE Belgium|BE België|BE Belgique|BG Bulgaria
BR Brazil|BR Brasil|CA Canada|CH Switzerland|CH Schweiz|CH Suisse|CL Chile|CN China|CO Colombia|CY Cyprus
CZ Czech Republic|CZ Czechia|CZ Česko|DE Germany|DE Deutschland|DK Denmark|DK Danmark|EE Estonia|EG Egypt|ES Spain
ES España|FI Finland|FI Suomi|FR France|GB United Kingdom|GB Great Britain|GB UK|GR Greece|HK Hong Kong|HR Croatia
HU Hungary|ID Indonesia|IE Ireland|IL Israel|IN India|IS Iceland|IT Italy|IT Italia|JP Japan|KR South Korea
LI Liechtenstein|LT Lithuania|LU Luxembourg|LU Luxemburg|LV Latvia|MA Morocco|MT Malta|MX Mexico|MX México|MY Malaysia
NG Nigeria|NL Netherlands|NL The Netherlands|NL Nederland|NO Norway|NO Norge|NZ New Zealand|PH Philippines|PK Pakistan
PL Poland|PL Polska|PT Portugal|RO Romania|RS Serbia|RU Russia|SA Saudi Arabia|SE Sweden|SE Sverige|SG Singapore
SI Slovenia|SK Slovakia|TH Thailand|TR Turkey|TR Türkiye|TW Taiwan|UA Ukraine|US United States
US United States of America|US USA|VN Vietnam|ZA South Africa
"""


@cache
def _codes() -> Mapping[str, str]:
    entries = (entry for line in _NAMES.split("\n") for entry in line.split("|") if entry)
    return MappingProxyType({entry[3:].casefold(): entry[:2] for entry in entries})


def code_of(name: str) -> str | None:
    """The ISO 3166 alpha-2 code of a country's name; None for a name that is not known for sure."""
    return _codes().get(name.casefold())
