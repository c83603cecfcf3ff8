"""What every test of `bench` leaves as it was."""

from collections.abc import Iterator

import pytest
import torch

from . import fake_ray


@pytest.fixture(autouse=True)
def number_of_threads() -> Iterator[None]:
    """PyTorch's, which is the process's: put back whatever a test or what it calls sets it to."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> fake_ray.FakeRay:
    """In the place of Ray, installed or not."""
    return fake_ray.install(monkeypatch)
