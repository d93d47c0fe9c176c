"""What prints the figures in docs/benchmarks.md: `python -m bench [holds]`."""
