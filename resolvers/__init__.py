"""The merge: which records are one customer, what they say, and what is kept of it. Plain Python, no HTTP and no GraphQL."""
