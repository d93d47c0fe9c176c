"""Memory: coordination within one process."""
