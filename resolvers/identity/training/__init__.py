"""Work on all records at once, with Splink on DuckDB or Spark: weights without labels, and proposed pairs. Never in a request."""
