"""What the tests of several adapters share."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-adapter.md"


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The adapter that the documentation shows, as a module."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (code,) = (block for block in blocks if "AdapterType(" in block)
    file = tmp_path_factory.mktemp("example") / "acme_members.py"
    file.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("acme_members", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["acme_members"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["acme_members"]
