"""The README shows exactly the demo's queries, and the answers that `c360 demo --check` prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from gateway import demo

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_readme_shows_the_demos_queries() -> None:
    assert [query.strip() for query in blocks("graphql")] == [
        query.strip() for query in demo.queries().values()
    ]


def test_the_readme_shows_the_real_answers() -> None:
    shown = [json.loads(block) for block in blocks("json") if '"data"' in block]
    c360 = str(Path(sys.executable).parent / "c360")
    ran = subprocess.run([c360, "demo", "--check"], capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, Any] = json.loads(ran.stdout)
    assert shown == list(answers.values())
