"""`python -m tests.system.process …` is `houseful …` with faults to order, and with a clock that tests set
forward: the folder in TEST_FOLDER has the files of both.
"""

import os
from pathlib import Path

from houseful.cli import main
from tests.system import faults
from tests.system.clocks import CLOCK_FILE, FlowingClock

if __name__ == "__main__":
    folder = Path(os.environ["TEST_FOLDER"])
    faults.install(folder)
    main(clock=FlowingClock(folder / CLOCK_FILE))
