"""The planted cases: each network is built so that what stops it is known beforehand."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network on one task.

    Attributes:
        options: of `howdeep limits`, beside family, depth and task.
        planted: the answers that are right; several where two names say the same of the case.
        why: what was planted, and which other answer its symptoms may mislead to.
    """

    name: str
    family: str
    depth: int
    task: str = "mnist1d"
    options: tuple[str, ...] = ()
    planted: frozenset[str]
    why: str


def _case(name: str, family: str, depth: int, planted: str, why: str, **more: object) -> Case:
    names = frozenset(planted.split())
    return Case(name=name, family=family, depth=depth, planted=names, why=why, **more)  # type: ignore[arg-type]


CASES = (
    _case(
        "sigmoid", "mlp:activation=sigmoid,init=normal", 30, "gradients",
        "sigmoids with weights of deviation 0.01: gradients vanish",
    ),
    _case(
        "twice-he", "mlp:init=he,init_scale=2.0", 60, "gradients",
        "twice He's deviation: signals and gradients grow by 2 a layer",
    ),
    _case(
        "tanh", "mlp:activation=tanh,width=64", 24, "gradients",
        "tanh at a third of the critical variance: gradients vanish",
    ),
    _case(
        "xavier-relu", "mlp:init=xavier,width=128", 40, "gradients",
        "ReLU with Xavier: gradients halve in two layers; at a tenth of the rate half of the seeds "
        "train all the same",
    ),
    _case(
        "tanh-normal", "mlp:activation=tanh,init=normal,width=100", 24, "gradients",
        "tanh with weights of deviation 0.01: gradients vanish",
    ),
    _case(
        "digits-default-init", "mlp:width=50", 20, "gradients",
        "ReLU with the default init: gradients shrink by 2.4 a layer", task="digits",
    ),
    _case(
        "plain-batch-norm-mlp", "mlp:norm=batch", 32, "degradation",
        "a plain net with batch norms: misleads to gradients, which no init or norm mends",
    ),
    _case(
        "plain-resnet", "resnet:residual=false", 32, "degradation",
        "a plain convolutional net with batch norms",
    ),
    _case(
        "plain-resnet-digits", "resnet:residual=false,width=12", 40, "degradation",
        "the same, narrower and deeper, on images", task="digits",
    ),
    _case(
        "learning-rate-too-high", "mlp:init=he", 6, "optimization",
        "ten times a good learning rate: misleads to degradation",
        options=("--lr", "0.1"),
    ),
    _case(
        "under-trained", "mlp:init=he", 8, "optimization",
        "a hundredth of a good learning rate: the deep net is merely under-trained",
        options=("--lr", "0.0001"),
    ),
    _case(
        "slow-sgd", "resnet", 20, "optimization",
        "SGD at a hundredth of its good learning rate: depth pays, and the optimizer pays more",
        options=("--optimizer", "sgd", "--lr", "0.001", "--weight-decay", "0"),
    ),
    _case(
        "slow-rmsprop", "mlp:norm=layer,residual=true,width=64", 12, "optimization",
        "RMSProp at a hundredth of a good learning rate: misleads to degradation",
        options=("--optimizer", "rmsprop", "--lr", "0.00001"),
    ),
    _case(
        "large-gap", "mlp:norm=batch,residual=true,width=200", 8, "data none compute",
        "100% of 1,000 training samples and half of the others: a large gap that depth does not "
        "widen misleads to overfitting", task="mnist1d:train=1000",
    ),
    _case(
        "few-digits", "mlp:norm=batch,residual=true", 8, "data overfitting",
        "60 training samples", task="digits:train=60",
    ),
    _case(
        "few-signals", "resnet", 32, "overfitting data",
        "200 training samples and a deep residual net", task="mnist1d:train=200",
    ),
    _case(
        "fewer-signals", "resnet:width=24", 26, "overfitting data",
        "150 training samples and a deep residual net", task="mnist1d:train=150",
    ),
    _case(
        "saturated-perceptron", "mlp:norm=batch,residual=true,width=128", 10, "compute data none",
        "an easy task that shallower nets nearly saturate", task="digits",
    ),
    _case(
        "saturated", "resnet:width=16", 16, "compute",
        "an easy task that shallower nets saturate", task="digits",
    ),
    _case(
        "harmless-weight-gradients", "resnet:init_scale=4.0", 12, "none compute",
        "large weights before norms: weight gradients are small and harmless",
    ),
    _case(
        "still-rising", "resnet", 8, "none",
        "depth 8 is better than depth 4 by far: nothing stops it yet",
    ),
)  # fmt: skip
