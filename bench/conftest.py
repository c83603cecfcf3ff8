"""The options of `pytest bench`, its cells and trainings, and what is added to its JSON."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from . import grid, options, progress, setting, summaries
from .limits.evidence import failed
from .measure.latency import Clock
from .points import Cell, Training
from .records import plain
from .replay import replay
from .specs import InputError
from .study import Study
from .train.store import StoreError

# Rounds go on until the mean is known to 1% at 99% confidence, or --benchmark-max-time is over.
PRECISION = 0.01

# Of the table that pytest-benchmark prints; its own default is 200 characters wide.
COLUMNS = ["median", "iqr", "rounds", "iterations"]

# Cells are timed before the trainings begin, which fill every core.
ORDER = ("harness", "cost", "accuracy", "limits")

# Kinds that run only where a mark expression asks for them.
ON_DEMAND = ("harness", "limits")

# A cell that failed was not timed, which its own line says; and what torch.compile uses of PyTorch.
_NOT_THE_USERS = (
    "Benchmark fixture was not used at all",
    "`torch.jit.script:DeprecationWarning",
)

_OPTIONS = pytest.StashKey[options.Options]()
_GRID = pytest.StashKey[grid.Grid]()
_STUDY = pytest.StashKey[Study]()
_REPORT = pytest.StashKey[progress.Report]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("howdeep", "howdeep: cost and accuracy against depth")
    group.addoption("--family", action="append", metavar="SPEC", help=options.FAMILY_HELP)
    for option in options.TABLE:
        group.addoption(option.flag, metavar="…", help=option.help)
    for switch, words in options.SWITCHES.items():
        group.addoption(switch, action="store_true", help=words)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    texts = {option.flag: config.getoption(option.flag) for option in options.TABLE}
    switches = [switch for switch in options.SWITCHES if config.getoption(switch)]
    families = config.getoption("--family") or ()
    try:
        _check_processes(config)
        config.stash[_OPTIONS] = options.read(texts, families=families, switches=switches)
        config.stash[_GRID] = grid.make(config.stash[_OPTIONS])
    except InputError as error:
        pytest.exit(str(error), returncode=2)
    if config.option.benchmark_precision is None:
        config.option.benchmark_precision = PRECISION
    config.option.benchmark_disable_gc = True  # as torch.utils.benchmark does
    for warning in _NOT_THE_USERS:
        config.addinivalue_line("filterwarnings", f"ignore:{warning}")
    config.option.benchmark_columns = config.option.benchmark_columns or COLUMNS


def _check_processes(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        raise InputError("pytest bench measures one thing at a time: leave out -n")


# --- collection ------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = metafunc.config.stash[_GRID]
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", [_param(cell, str(cell)) for cell in asked.cells])
    if "trainings" in metafunc.fixturenames:
        params = [_param(seeds, str(seeds[0])) for seeds in asked.trainings]
        metafunc.parametrize("trainings", params)
    if "network" in metafunc.fixturenames:
        params = [_param(network, str(network)) for network in asked.networks]
        metafunc.parametrize("network", params)


def _param(value: object, name: str) -> Any:
    """A parameter whose benchmark has a clock of its own as its timer."""
    return pytest.param(value, id=name, marks=pytest.mark.benchmark(timer=Clock()))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(_kind(item)))
    if not config.getoption("markexpr"):
        unasked = [item for item in items if _kind(item) in ON_DEMAND]
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]


def _params(item: pytest.Item) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


def _kind(item: pytest.Item) -> str:
    return next(kind for kind in ORDER if item.get_closest_marker(kind))


# --- the session -----------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    config = session.config
    if config.option.collectonly or not _points(session.items):
        return (yield)
    try:
        _make_folder(config.getoption("benchmark_json"))
        config.stash[_STUDY] = _study(config, session.items)
    except InputError as error:
        pytest.exit(str(error), returncode=2)
    config.stash[_REPORT] = _report(config, session.items)
    try:
        return (yield)
    finally:
        config.stash[_REPORT].close()


def _make_folder(json_path: Path | None) -> None:
    """An unwritable target is told before hours are spent, not after."""
    if json_path is None:
        return
    try:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            if not json_path.exists():
                stack.callback(json_path.unlink, missing_ok=True)
            stack.enter_context(json_path.open("ab"))
    except OSError as error:
        raise InputError(f"cannot write --benchmark-json {json_path}: {error}") from error


def _points(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if _kind(item) != "harness"]


def _study(config: pytest.Config, items: list[pytest.Item]) -> Study:
    """The study of those points that were selected."""
    if any(_kind(item) == "limits" for item in items):
        setting.check_for_limits(config.stash[_OPTIONS])
    chosen = [_params(item) for item in items]
    asked = replace(
        config.stash[_GRID],
        cells=tuple(params["cell"] for params in chosen if "cell" in params),
        trainings=tuple(params["trainings"] for params in chosen if "trainings" in params),
    )
    names = ("min_rounds", "min_time", "max_time", "precision", "confidence")
    timing = {name: str(config.getoption(f"benchmark_{name}")) for name in names}
    return Study(asked, config.stash[_OPTIONS], timing)


def _report(config: pytest.Config, items: list[pytest.Item]) -> progress.Report:
    weights = dict.fromkeys(ORDER, 0.0)
    for item in _points(items):
        weights[_kind(item)] += _weight(item)
    reporter = _plugin(config, "terminalreporter")
    quiet = reporter.verbosity <= 0
    reporter.showfspath = not quiet
    writer = config.get_terminal_writer()
    view = progress.Bar(writer._file) if writer.hasmarkup else progress.Lines(reporter.write_line)
    return progress.Report(view, len(_points(items)), progress.Estimate(weights))


def _plugin(config: pytest.Config, name: str) -> Any:
    """One of pytest's own plugins, which are always there."""
    return config.pluginmanager.get_plugin(name)


def _weight(item: pytest.Item) -> float:
    """Cells take about as long as each other; a training's time grows with its depth."""
    trainings: tuple[Training, ...] = _params(item).get("trainings", ())
    return float(sum(training.depth for training in trainings)) if trainings else 1.0


def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    """The progress lines say what a dot would."""
    if report.outcome == "failed" or (report.when != "call") or config.option.verbose > 0:
        return None
    return report.outcome, "", ""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    study = session.config.stash.get(_STUDY, None)
    if study is None:
        return
    try:
        _save_without_statistics(session)
    finally:
        study.close()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if _STUDY in config.stash:
        kept = config.stash[_OPTIONS].store
        what = config.getoption("benchmark_json") or kept
        terminalreporter.write_line(f"Everything measured is kept in {kept}.")
        terminalreporter.write_line(f"What it means: howdeep report {what}")


def _save_without_statistics(session: pytest.Session) -> None:
    """pytest-benchmark writes no file when no benchmark ran; what was tried is a study too."""
    path = session.config.getoption("benchmark_json")
    if path and not session.config._benchmarksession.benchmarks:  # type: ignore[attr-defined]
        output: dict[str, Any] = {"machine_info": {}, "commit_info": {}, "benchmarks": []}
        pytest_benchmark_update_json(session.config, output)
        Path(path).write_text(json.dumps(output, indent=4))


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    study = config.stash.get(_STUDY, None)
    if study is not None:
        output_json["howdeep"] = study.document()
    output_json.update(plain(output_json))


# --- fixtures --------------------------------------------------------------------------------


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    """The timer of this item's benchmark fixture."""
    return request.node.get_closest_marker("benchmark").kwargs["timer"]  # type: ignore[no-any-return]


@pytest.fixture
def measure(request: pytest.FixtureRequest, benchmark: Any, clock: Clock) -> Callable[[Cell], None]:
    """Measures a cell of the study through the benchmark fixture."""

    def run(cell: Cell) -> None:
        benchmark.group, benchmark.params = f"{cell.family} {cell.pass_}", cell.params()
        record = request.config.stash[_STUDY].measure(cell, benchmark, clock)
        _tell(request, f"{cell}  {summaries.cell_words(record)}")
        _conclude({record.status}, record.reason)

    return run


@pytest.fixture
def train(
    request: pytest.FixtureRequest, benchmark: Any, clock: Clock
) -> Callable[[tuple[Training, ...]], None]:
    """Waits for the trainings of one depth; their times are the rounds of the benchmark."""

    def run(trainings: tuple[Training, ...]) -> None:
        benchmark.group = f"{trainings[0].family} training"
        benchmark.params = trainings[0].params()
        runs = request.config.stash[_STUDY].train(trainings)
        _tell(request, f"{trainings[0]}  {summaries.runs_words(runs)}")
        benchmark.extra_info.update(plain(summaries.training_info(runs)))
        seconds = [run.train_seconds for run in runs if run.status == "ok" and run.train_seconds]
        if seconds:
            replay(seconds, 1, benchmark, clock)
            errors = (f"seed {run.seed}: {run.reason}" for run in runs if run.status == "error")
            _say(request, *errors)
        else:
            _conclude({run.status for run in runs}, runs[0].reason)

    return run


@pytest.fixture
def attribute(
    request: pytest.FixtureRequest, benchmark: Any, clock: Clock
) -> Callable[[Training], None]:
    """Finds the evidence on what stops a network; the times of its own trainings are the rounds."""

    def run(network: Training) -> None:
        benchmark.group, benchmark.params = f"{network.family} limits", network.params()
        phases = summaries.Phases(lambda words: _say(request, f"limits   {network}  {words}"))
        try:
            rows = request.config.stash[_STUDY].attribute(network, phases.finished)
        except StoreError as error:
            pytest.fail(f"error: {error}", pytrace=False)
        _tell(request, f"{network}  {summaries.evidence_words(rows)}")
        benchmark.extra_info.update(plain(summaries.evidence_info(rows)))
        seconds = summaries.asked_seconds(rows)
        if seconds:
            replay(seconds, 1, benchmark, clock)
        else:
            status, reason = failed(rows) or ("diverged", "at every seed of the network as asked")
            _conclude({status}, reason)

    return run


def _say(request: pytest.FixtureRequest, *lines: str) -> None:
    """Lines between two finished items."""
    with _plugin(request.config, "capturemanager").global_and_fixture_disabled():
        for line in lines:
            request.config.get_terminal_writer().line(line)


def _tell(request: pytest.FixtureRequest, line: str) -> None:
    item = request.node
    capture = _plugin(request.config, "capturemanager")
    with capture.global_and_fixture_disabled():
        request.config.stash[_REPORT].done(_kind(item), _weight(item), f"{_kind(item):8} {line}")


def _conclude(statuses: set[str], reason: str | None) -> None:
    """Nothing for `ok`; an error fails; what could not be measured is skipped."""
    if "ok" in statuses:
        return
    words = f"{', '.join(sorted(statuses))}: {reason}"
    if "error" in statuses:
        pytest.fail(words, pytrace=False)
    pytest.skip(words)
