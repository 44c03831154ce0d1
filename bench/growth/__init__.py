"""How this gateway's cost grows: lists, pages, sources, connections, documents, cached customers; and whether its memory stays flat."""

from bench.peers.ours import KEY

HEADERS = (("Authorization", f"Bearer {KEY}"),)
