"""What prints the figures in docs/benchmarks.md. `python -m bench` runs all, `python -m bench holds` one of them."""
