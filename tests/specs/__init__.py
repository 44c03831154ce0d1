"""Checks of what the vendor adapters send, and of what the sandbox answers, against the vendors' own descriptions."""
