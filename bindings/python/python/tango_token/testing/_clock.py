"""`FakeClock`: a clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


class FakeClock:
    """A clock that stands still until ``advance``. It measures the lifetimes of fake tokens.

    Args:
        now: the time that it shows first, with a time zone. Default: the time of its creation.
    """

    def __init__(self, now: datetime | None = None) -> None:
        if now is not None and now.tzinfo is None:
            raise ValueError("now needs a time zone, for example datetime(2030, 1, 1, tzinfo=timezone.utc)")
        self._now = now or datetime.now(timezone.utc)

    def now(self) -> datetime:
        """Returns the time in UTC."""
        return self._now.astimezone(timezone.utc)

    def advance(self, duration: float | timedelta) -> None:
        """Moves the clock, by a number of seconds or a ``timedelta``."""
        self._now += duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
