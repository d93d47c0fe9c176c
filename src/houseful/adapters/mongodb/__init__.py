"""MongoDB: the store of a split installation."""
