"""Families of networks: one file a family, each a function from depth to a module."""
