"""`python -m tests.system.process …` is `houseful …` with faults to order, and with a clock that tests set
forward: the folder in TEST_FOLDER has the files of both.
"""

import os
from pathlib import Path
from typing import Any

from houseful import app
from houseful.cli import main
from tests.system import faults
from tests.system.clocks import CLOCK_FILE, FlowingClock


def _clock() -> FlowingClock:
    return FlowingClock(Path(os.environ["TEST_FOLDER"]) / CLOCK_FILE)


if __name__ == "__main__":
    wiring: Any = app
    wiring.SystemClock = _clock
    faults.install(Path(os.environ["TEST_FOLDER"]))
    main()
