"""How long each table of measurements is kept, by settings."""

from __future__ import annotations

from cdn.settings import Settings

# table → the setting that says for how many days it is kept
KEPT_BY: dict[str, str] = {
    "sample": "retain_samples_days",
    "stream_sample": "retain_stream_samples_days",
    "traffic_1m": "retain_minutes_days",
    "traffic_5m": "retain_five_minutes_days",
    "server_5m": "retain_five_minutes_days",
    "group_5m": "retain_five_minutes_days",
    "stream_5m": "retain_stream_five_minutes_days",
    "channel_5m": "retain_stream_five_minutes_days",
    "traffic_1h": "retain_hours_days",
    "server_1h": "retain_hours_days",
    "group_1h": "retain_hours_days",
    "channel_1h": "retain_hours_days",
    "stream_1h": "retain_stream_hours_days",
}


def kept_days(settings: Settings) -> dict[str, int]:
    """Days each table is kept."""
    return {table: int(getattr(settings, name)) for table, name in KEPT_BY.items()}
