"""The quality rules that every manifest answers, each with `done` or with `exempt: <reason>`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

QUALITY_RULES: Mapping[str, str] = MappingProxyType(
    {
        "batched": "Many keys, ids and owners go into as few calls as the vendor's API allows; tests assert the number.",
        "paged": "Windows are read to the end of a stream, also past the vendor's caps on results, and no page is read in vain.",
        "rate-limits": "The vendor's rate-limit headers or costs and Retry-After slow the adapter down before it is refused.",
        "changes": "Every kind lists what changed since a cursor, resumes from each cursor and leaves nothing out.",
        "deep-links": "Every record has the URL at which an agent opens it in the vendor's own user interface.",
        "update-time": "Every record says when it was last changed, where it can change.",
        "typed-decoding": "Answers are decoded by typed models that accept unknown fields; a bad answer is one BadPayload.",
        "timeouts": "Connecting, reading and the whole call are bounded, and the caller's deadline is kept.",
        "error-tree": "Every failure comes out as the right class of adapters.errors, and nothing else comes out.",
        "no-secrets-in-errors": "No credential, look-up key or body is in an error's text, its detail or the log.",
        "injection-safe": "Text from outside cannot change a query, a path or a header that goes to the vendor.",
        "fixtures": "Each payload variant that the mapping knows has a fixture that a test reads.",
        "docs": "docs/adapters/<adapter>.md names every setting, right, limit and known gap.",
        "verified": "It ran against a real server, or each request was checked against the vendor's own description.",
    }
)
"""Rule -> what `done` promises."""

DONE = "done"
EXEMPT = "exempt: "


def quality_faults(quality: Mapping[str, str]) -> list[str]:
    """What is wrong with a manifest's answers, one line each; nothing where all is well."""
    faults = [
        f"rule {name!r} is not answered: {text}"
        for name, text in QUALITY_RULES.items()
        if name not in quality
    ]
    for name, answer in quality.items():
        if name not in QUALITY_RULES:
            faults.append(f"rule {name!r} does not exist; there are: {', '.join(QUALITY_RULES)}")
        elif answer != DONE and not (answer.startswith(EXEMPT) and answer.removeprefix(EXEMPT).strip()):
            faults.append(f"rule {name!r} says {answer!r}; it must be 'done' or 'exempt: <reason>'")
    return faults


def is_done(quality: Mapping[str, str], rule: str) -> bool:
    """Whether a manifest promises this rule."""
    return quality.get(rule) == DONE
