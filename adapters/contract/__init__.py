"""The contract suite: pytest tests that run against any adapter. See README.md beside this file."""

import pytest

# must come before the import below, so that a failing assert of the suite shows its values
pytest.register_assert_rewrite("adapters.contract.suite", "adapters.contract.checks")

from adapters.contract.case import ContractCase  # noqa: E402
from adapters.contract.faults import Fault  # noqa: E402
from adapters.contract.quality import QUALITY_RULES  # noqa: E402
from adapters.contract.recorded import RecordingTransport, ReplayTransport, Unrecorded  # noqa: E402
from adapters.contract.suite import AdapterContract, manifest_faults  # noqa: E402

__all__ = [
    "QUALITY_RULES",
    "AdapterContract",
    "ContractCase",
    "Fault",
    "RecordingTransport",
    "ReplayTransport",
    "Unrecorded",
    "manifest_faults",
]
