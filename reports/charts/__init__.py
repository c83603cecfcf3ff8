"""Findings as charts: one kind of chart a file, all of them in the table of `sections`.

Charts compute nothing: their numbers are those of the findings, given a unit. Every chart comes
with what it shows in words and with its table. Names from outside stand in the data only, never
where Vega would read an expression.
"""
