"""Tools behind the commands that do not serve."""
