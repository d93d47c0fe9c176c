"""Worker processes: the port `Workers`."""
