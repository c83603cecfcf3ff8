"""The rooms and the arrows between them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _python(code: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_rule_holds() -> None:
    """bench, models and reports are independent; reports measures nothing; instruments know no
    family (contracts in pyproject.toml)."""
    call = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_command_starts_without_torch() -> None:
    """`howdeep --help` and the import of `howdeep report` need neither torch nor pandas."""
    code = "import sys, howdeep.app; print({'torch', 'pandas', 'scipy'} & set(sys.modules))"
    assert _python(code) == "set()"


def test_a_users_package_models_is_the_users(tmp_path: Path) -> None:
    """After a built-in was found, a family file still imports the `models` of its own folder."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("WIDTH = 3")
    (tmp_path / "net.py").write_text(
        "import torch, models\n"
        "def build(depth): return torch.nn.Linear(models.WIDTH, depth)\n"
        "def example_input(batch_size): return torch.zeros(batch_size, models.WIDTH)\n"
    )
    code = (
        "import sys; from bench import families; families.find('resnet').build(4);"
        "assert 'models' not in sys.modules;"
        "print(families.find('net.py:build').build(2).weight.shape)"
    )
    assert _python(code, tmp_path) == "torch.Size([2, 3])"
