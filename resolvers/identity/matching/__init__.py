"""Probabilistic matching of people: comparable persons, match keys, a Fellegi-Sunter model, its scores, and clusters."""
