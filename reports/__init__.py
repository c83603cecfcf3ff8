"""What the measurements mean: tables in, verdicts out, pictures last.

Nothing here measures, and nothing here imports torch, `bench` or `models`: a study that was made on
one machine is read on another, and published tables are tests of the analysis.
"""
