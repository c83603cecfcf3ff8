"""Instruments: each takes a module and its input and returns a record of `bench.records`."""
