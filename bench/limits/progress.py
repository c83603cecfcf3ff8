"""What is said of a finished trial: one line."""

from .evidence import Trial


def line(trial: Trial) -> str:
    """`degradation: residual connections (residual=true), depth 32, seed 0: training accuracy
    99.9%, validation 97.5%`."""
    plan, run = trial.plan, trial.run
    what = {
        "asked": "as asked",
        "shallower": "shallower",
        "reference": f"shallower ({plan.change})",
        "window": f"learning rate ({plan.change})",
        "data": f"data ({plan.change})",
    }.get(plan.role) or f"{plan.limit}: {plan.remedy} ({plan.change})"
    place = f"{what}, depth {run.depth}, seed {run.seed}"
    if run.status != "ok" or run.train_accuracy is None:
        return f"{place}: {run.status}: {run.reason}"
    held, name = run.validation_accuracy, "validation"
    if held is None:
        held, name = run.test_accuracy, "test"
    scores = f"training accuracy {run.train_accuracy:.1%}"
    return f"{place}: {scores}" + ("" if held is None else f", {name} {held:.1%}")
