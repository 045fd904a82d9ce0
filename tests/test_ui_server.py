"""What the page of a server says of its clock and its certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from ui.server import certificate, clock_words

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("difference", "words"),
    [(None, ""), (float("nan"), ""), (0.4, ""), (-1.9, ""), (420.0, "7 min ahead"), (-3.2, "3 s behind")],
)
def test_a_clock_that_is_off_is_said_and_one_that_is_right_is_not(difference: float | None, words: str) -> None:
    assert clock_words(difference) == words


def test_a_certificate_is_good_until_a_day_or_has_ended() -> None:
    assert certificate(pd.NaT, NOW, UTC) == ""
    assert certificate(NOW + timedelta(days=30, hours=1), NOW, UTC) == "good until 31 Mar, 30 days"
    assert certificate(NOW - timedelta(days=9), NOW, UTC) == "ended 20 Feb"
