"""This gateway as it is shipped, on the sources of the benchmark."""

SECRET = "a-secret-of-the-bench-that-is-long-enough"
KEY = "a-key-of-the-bench-that-is-long-enough"
