"""Tests of the e-mail adapters."""
