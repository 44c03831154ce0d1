"""Proof on real third-party servers; see systems/ for how they are started and seed/ for what is put in."""
