"""The benchmark against peers: the same two queries, the same four sources, one core each; see `python -m bench.peers --help`."""
