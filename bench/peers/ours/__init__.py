"""This gateway as it is shipped, on the sources of the benchmark."""
