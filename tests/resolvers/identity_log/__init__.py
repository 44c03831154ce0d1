"""The evidence log: what follows from it, what stewards decide, and that any of it can be taken back."""
