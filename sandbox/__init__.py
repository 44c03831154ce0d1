"""Four small servers that speak real vendors' dialects, and the people in them; for demos and tests only."""
