"""What the commands of `c360` do, apart from reading their options."""
