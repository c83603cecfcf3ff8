"""How depth is measured: instruments, tasks, trainings and the benchmarks of `pytest bench`."""
