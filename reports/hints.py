"""What the structure of a network and the weights that it found say: hints beside the limits."""

from collections.abc import Iterator, Sequence
from statistics import median

from .tables import Row

SAME_SIMILARITY = 0.98
"""CKA between consecutive layers above which the second adds next to nothing."""


TELLING_SHARE = 0.1
"""Of units that no longer answer, from which it is worth a sentence."""


def structure_hints(probes: Sequence[Row], depth: int) -> tuple[str, ...]:
    """Sentences with numbers, from the rows of one depth; linear probes in the order of layers."""
    rows = [row for row in probes if row["depth"] == depth]
    return tuple(_hints(rows))


def _hints(rows: Sequence[Row]) -> Iterator[str]:
    border = _one(rows, "share_beyond_border")
    if border is not None and border["value"]:
        yield (
            f"{100 * border['value']:.0f}% of the convolutions lie beyond the receptive-field "
            f"border (from {border['at']} on): they add no context"
        )
    similar = [row["value"] for row in rows if row["quantity"] == "similarity_to_next"]
    known = [value for value in similar if value is not None]
    if known:
        same = sum(value > SAME_SIMILARITY for value in known)
        yield (
            f"{same} of {len(known)} layers hardly change the representation that they are given "
            f"(CKA above {SAME_SIMILARITY})"
        )
    yield from _saturation(rows)
    yield from _unresponsive(rows)
    yield from _landscape(rows)
    yield from _needed(rows)
    built = _one(rows, "constructed_train_accuracy")
    if built is not None and built["value"] is not None:
        yield (
            "this depth can be built of the trained shallower network and identity layers, and "
            f"then has {100 * built['value']:.1f}% training accuracy"
        )
    yield from _probing(rows)


def _saturation(rows: Sequence[Row]) -> Iterator[str]:
    known = [r["value"] for r in rows if r["quantity"] == "saturation" and r["value"] is not None]
    if known:
        yield (
            f"layers use {100 * median(known):.0f}% of their width in the median (saturation), the "
            f"last one {100 * known[-1]:.0f}%"
        )


def _landscape(rows: Sequence[Row]) -> Iterator[str]:
    """The curvature at the weights that training found, and how far minibatches agree there."""
    found = {(r["quantity"], r["at"]): r for r in rows if r["limit"] == "optimization"}
    top = found.get(("hessian_eigenvalue", "largest 1"))
    residual = found.get(("hessian_eigenvalue_residual", "largest 1"))
    if top and residual and top["value"] is not None:
        sure = f", {top['note']}" if top["note"] else ""
        yield (
            f"the top Hessian eigenvalue after training is {top['value']:.3g} (relative residual "
            f"{residual['value']:.1g}{sure})"
        )
    share = _one(rows, "negative_curvature_share")
    cosine = _one(rows, "minibatch_gradient_cosine")
    if share and share["value"] is not None:
        yield f"{100 * share['value']:.0f}% of its curvature is negative (one random probe)"
    if cosine and cosine["value"] is not None:
        yield f"the mean cosine between gradients of minibatches is {cosine['value']:.2f} there"


def _unresponsive(rows: Sequence[Row]) -> Iterator[str]:
    """Of the last step of the training that was read."""
    for quantity, what in {
        "training_dead_share": "units give zero for every input of a batch",
        "training_saturated_share": "outputs are saturated",
    }.items():
        known = [r for r in rows if r["quantity"] == quantity and r["value"] is not None]
        if known and known[-1]["value"] >= TELLING_SHARE:
            share, place = 100 * known[-1]["value"], known[-1]["at"]
            yield f"{share:.0f}% of the {what} in {place} of the training"


def _needed(rows: Sequence[Row]) -> Iterator[str]:
    drops = [row for row in rows if row["quantity"] == "bypass_drop"]
    found = _one(rows, "needed_blocks")
    if not drops or found is None or found["value"] is None:
        return
    needed, blocks = int(found["value"]), len(drops)
    if needed == blocks:
        yield f"each of the {blocks} blocks is needed: bypassed alone, it costs a point or more"
    else:
        yield (
            f"{needed} of {blocks} blocks are needed: each of the others, bypassed alone, costs "
            "less than a point of training accuracy"
        )


def _probing(rows: Sequence[Row]) -> Iterator[str]:
    layers = [
        r for r in rows if r["quantity"] == "linear_probe_accuracy" and r["value"] is not None
    ]
    if len(layers) > 1:
        best = max(layers, key=lambda row: row["value"])
        place = layers.index(best) + 1
        yield (
            f"a linear classifier does best on the output of {best['at']}, layer {place} of "
            f"{len(layers)}: {100 * best['value']:.1f}% on data held out; on that of the last, "
            f"{100 * layers[-1]['value']:.1f}%"
        )


def _one(rows: Sequence[Row], quantity: str) -> Row | None:
    return next((row for row in rows if row["quantity"] == quantity), None)
