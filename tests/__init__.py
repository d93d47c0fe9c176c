"""What proves Houseful. `python -m tests` runs all of it and ends with one line."""
