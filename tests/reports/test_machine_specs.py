"""What is compared, as it is typed."""

from pathlib import Path

import pytest

from reports.errors import InputError
from reports.machine_specs import parse_specs


def files(folder: Path, **contents: str) -> list[str]:
    """Files with these contents, `__` for a folder in their names."""
    paths = []
    for name, content in contents.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        paths.append(str(path))
    return paths


def names(texts: list[str]) -> list[str]:
    """The machines' names."""
    return [spec.name for spec in parse_specs(texts)[0]]


def test_a_machine_is_called_as_its_file(tmp_path: Path) -> None:
    """The stem; a name that is given comes before it."""
    one, two = files(tmp_path, cpu="1", gpu="2")
    assert names([one, f"H100={two}"]) == ["cpu", "H100"]


def test_equal_stems_take_their_folder(tmp_path: Path) -> None:
    """As `study.json` of two machines; equal folders as well take a number."""
    given = files(tmp_path, x__cpu__study="1", x__gpu__study="2", y__gpu__study="3")
    assert names(given) == ["cpu/study", "gpu/study", "gpu/study-2"]


def test_a_name_given_twice_joins_its_files(tmp_path: Path) -> None:
    """They are processes of one machine."""
    one, two, three = files(tmp_path, a="1", b="2", c="3")
    specs, _ = parse_specs([f"cpu={one}", f"cpu={two}", three])
    assert [(spec.name, len(spec.paths)) for spec in specs] == [("cpu", 2), ("c", 1)]


def test_a_file_may_have_the_sign_in_its_name(tmp_path: Path) -> None:
    """A path that exists is a path."""
    one, two = files(tmp_path, **{"lr=3": "1", "b": "2"})
    assert names([one, two]) == ["lr=3", "b"]


def test_the_same_content_counts_once(tmp_path: Path) -> None:
    """Whatever the file is called; it is said, and with nothing else there it is refused."""
    one, two, three = files(tmp_path, a="1", b="1", c="2")
    specs, notes = parse_specs([one, two, three])
    assert [spec.name for spec in specs] == ["a", "c"]
    assert notes == (f"{two} has the same content as {one}: it is left out.",)
    with pytest.raises(InputError, match=r"b\.json has the same content as .*a\.json, so there"):
        parse_specs([one, two])
    with pytest.raises(InputError, match="has the same content"):
        parse_specs([one, one])


def test_fewer_than_two_machines_are_refused(tmp_path: Path) -> None:
    """One file, or files of one name."""
    one, two = files(tmp_path, a="1", b="2")
    with pytest.raises(InputError, match="at least two files were expected"):
        parse_specs([one])
    with pytest.raises(InputError, match="all files are of one machine, x"):
        parse_specs([f"x={one}", f"x={two}"])
    with pytest.raises(InputError, match="NAME=FILE was expected"):
        parse_specs([one, "=b.json"])
