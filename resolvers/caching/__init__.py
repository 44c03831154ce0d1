"""The source cache: what stands between the loaders and the adapters, and keeps answers of sources for a short time.

Records are fetched with the gateway's own credentials and are the same for every asker, so entries are shared between askers;
whatever depends on the asker is applied to what comes out, never to what goes in.
"""
