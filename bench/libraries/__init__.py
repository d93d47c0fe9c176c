"""Libraries beside what stands in their place here, in turn, in one run."""
