"""How long the rest of a job takes: by the pace of the last minute, once enough of it was seen."""

from collections import deque

_WINDOW = 60.0  # seconds whose pace counts
_ENOUGH = 8.0  # seconds between the first item and the first estimate


class Estimate:
    """The time to the end of `total` items. The start-up, before the first item, does not count."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._seen: deque[tuple[float, int]] = deque()  # when, and how many were done

    def left(self, done: int, now: float) -> float | None:
        """Seconds to the end where `done` items are finished at `now`; None as long as nobody can know."""
        if not self._seen or now - self._seen[-1][0] >= 1:
            self._seen.append((now, done))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        if now - since < _ENOUGH or done <= before:
            return None
        return (now - since) / (done - before) * (self.total - done)
