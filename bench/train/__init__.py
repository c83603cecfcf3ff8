"""Tasks, the trainer, where runs are kept and where they are executed."""
