"""What every adapter shares: the HTTP client, sign-in, rate limits, paging and text. Only this package opens HTTP connections."""
