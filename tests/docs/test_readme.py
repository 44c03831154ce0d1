"""The README shows exactly the demo's queries, so that `c360 demo --check` proves them."""

from __future__ import annotations

import re
from pathlib import Path

from gateway import demo

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_demos_queries() -> None:
    shown = re.findall(
        r"^```graphql\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert [query.strip() for query in shown] == [query.strip() for query in demo.queries().values()]
