"""How a GraphQL document is prepared and run."""
