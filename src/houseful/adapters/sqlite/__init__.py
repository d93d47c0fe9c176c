"""SQLite: the store and the bus of a single process, in one folder."""
