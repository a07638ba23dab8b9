"""Training: one run, many seeds, and what they leave in their folder."""
