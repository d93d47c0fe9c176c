"""One file per technology; drivers are imported here and nowhere else."""
