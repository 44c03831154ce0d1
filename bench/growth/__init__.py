"""How this gateway's cost grows with lists, pages, sources, connections, documents and cached customers; its memory over time."""

from bench.peers.ours import KEY

HEADERS = (("Authorization", f"Bearer {KEY}"),)
