"""The table of `howdeep plan --per-module`: fvcore's, and its total beside the count here."""

from bench.families import Family
from bench.measure import cross_check, operations


def text(family: Family, depth: int) -> str:
    """fvcore's table of one depth, for one row of input.

    Raises:
        TypeError: the network's input is a dict, which fvcore does not take.
    """
    model, inputs = family.build(depth), family.example_input(1)
    counted = operations.count(model, inputs)
    macs = cross_check.fvcore_macs(model, inputs)
    blind = cross_check.blind_to(model, inputs)
    heading = f"{family.name}, depth {depth}, one row; fvcore's FLOPs are multiply-adds, norms too"
    table = cross_check.per_module_table(model, inputs)
    ours = counted.forward_flops // 2
    verdict = f"fvcore's matrix products and convolutions: {macs:,} MACs; counted here: {ours:,}"
    if blind:
        verdict += f"\nfvcore has no formula for {', '.join(blind)}"
    return f"{heading}\n{table}\n{verdict}"
