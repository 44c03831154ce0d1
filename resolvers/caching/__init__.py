"""What is kept between requests, and how it is dropped."""
