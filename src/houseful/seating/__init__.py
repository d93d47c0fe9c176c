"""The seating plan: its format, how a file is read, and what is wrong with it."""
