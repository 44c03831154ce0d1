"""What the live proof needs: the gateway as a process, its questions, and what the answers must be."""
