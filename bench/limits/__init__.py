"""What stops depth: the evidence for and against each of the six limits, one file each."""
