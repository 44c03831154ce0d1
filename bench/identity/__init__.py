"""Identity resolution on public and made-up people whose truth is known."""
