"""One folder per technology; drivers are imported here and nowhere else."""
