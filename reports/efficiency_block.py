"""What binds each depth's step, as a block of the report."""

from .block import Block, Column, header_and_rows, number, setting_words
from .efficiency import DepthEfficiency, EfficiencyTable

CAPTION = (
    "time that the arithmetic, the memory traffic (an upper bound: nothing cached or fused) or the "
    "launches alone would take at the machine's measured peaks, as a share of the step; the "
    "largest binds"
)


def efficiency_block(table: EfficiencyTable) -> Block:
    """One table, a row a depth."""
    columns = [
        Column("depth", lambda row: str(row.depth)),
        Column("MFU %", lambda row: _percent(row.mfu)),
        Column("MFU %\nof published", lambda row: _percent(row.mfu_published)),
        Column("FLOPs\na byte", lambda row: number(row.flops_per_byte, 1, ".1f")),
        Column("compute %", lambda row: _percent(row.compute_share)),
        Column("memory %", lambda row: _percent(row.memory_share)),
        Column("launches %", lambda row: _percent(row.launch_share)),
        Column("bound by", lambda row: row.bound or ""),
        Column("launch µs\na layer", lambda row: number(row.launch_seconds_per_layer, 1e-6, ".1f")),
        Column("joules\na sample", lambda row: _joules(row, table.setting.batch_size)),
    ]
    header, rows = header_and_rows(columns, table.depths)
    captions = (setting_words(table.setting), CAPTION)
    heading = f"What binds a step of {table.family}"
    return Block(heading, header, rows, tuple(filter(None, captions)))


def _percent(share: float | None) -> str:
    return number(share, 0.01, ".1f")


def _joules(row: DepthEfficiency, batch_size: int | None) -> str:
    return number(row.energy_joules, batch_size or 1, ".3g")
