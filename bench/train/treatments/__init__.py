"""Remedies against the limits of depth, each a change of one thing in a training."""
