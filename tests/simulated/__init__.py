"""Simulated studies whose truly best depth is known, and how often rules find it."""
