"""How often a search finds the sufficient depth of the sweep, on trainings of real networks."""
