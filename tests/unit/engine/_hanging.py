"""Two processes: the second waits for a word of the first, which works for long, stops, or waits for ever."""

import os
import signal
import sys
import threading
import time
from datetime import timedelta

from audionas.core.errors import UserError
from audionas.engine import processes

PATIENCE = 6.0  # seconds


def work() -> None:
    """Compute for longer than the other is patient."""
    until = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < until:
        sum(range(1000))


HOW = {
    "works": work,
    "stops": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "waits": lambda: threading.Event().wait(),
}


@processes.joined(patience=timedelta(seconds=PATIENCE))
def main(how: str) -> None:
    """Wait, or let wait."""
    assert processes.tell(how) == how
    if processes.first():
        HOW[how]()
    print(f"rank {processes.rank()} heard {processes.tell('the word')}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except UserError as error:
        sys.exit(f"error: {error}")
