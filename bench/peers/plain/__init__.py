"""A plain Strawberry server: what a team writes in an afternoon, with data loaders and httpx."""
