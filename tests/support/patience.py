"""How long tests wait for what must come."""

PATIENCE_SECONDS = 240.0
"""A test waits for a condition and fails when it never comes true. The time says nothing of how fast
anything has to be: a slow or busy machine fails no test."""
