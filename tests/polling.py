"""What tests of the fetcher share: a target, limits, and one request that should work or should not."""

from __future__ import annotations

import pytest

from cdn.model import Credentials, Kind, PollError, Role, Target
from collector.fetch import Answer, Fetcher, Limits

SECRET = "s3cret-pass"
ANONYMOUS = Credentials()
# Every time-out but the one a test is about is long enough never to fire.
LIMITS = Limits(connect_timeout=10, read_timeout=10, deadline=10, max_bytes=100_000)
FOREVER = Limits(connect_timeout=600, read_timeout=600, deadline=600, max_bytes=100_000)
SHORT = Limits(connect_timeout=10, read_timeout=10, deadline=0.25, max_bytes=100_000)


def target(
    url: str,
    credentials: Credentials = ANONYMOUS,
    *,
    id: int = 1,
    verify_tls: bool = True,
    unreadable_secret: bool = False,
) -> Target:
    """A server to poll at `url`."""
    return Target(
        id=id,
        name="edge",
        kind=Kind.SRS,
        url=url,
        role=Role.EDGE,
        interval=15.0,
        verify_tls=verify_tls,
        credentials=credentials,
        unreadable_secret=unreadable_secret,
    )


def get(polled: Target | str, path: str = "/x", limits: Limits = LIMITS) -> Answer:
    """The answer of one request; a url stands for a target with it."""
    fetcher = Fetcher(limits)
    with fetcher.begin(target(polled) if isinstance(polled, str) else polled) as exchange:
        try:
            return exchange.get(path)
        finally:
            fetcher.close()


def failure(polled: Target | str, path: str = "/x", limits: Limits = LIMITS) -> PollError:
    """The error of one request that must not succeed."""
    with pytest.raises(PollError) as caught:
        get(polled, path, limits)
    return caught.value
