"""The web program: `streamlit run dashboard.py`.

Imported by Streamlit it holds `app`, the server with our routes; drawn as `__main__` it is the frame around every page.
"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from cdn.settings import settings
from web.brand import logo

# Pages that show what is so now, again and again.
REFRESHING = ("Overview", "Channels", "Channel", "Server", "System")
# Pages that change the set-up: neither shown nor drawn for anybody below that role. All others are for every viewer.
NEEDS = {"Fleet": "admin", "Access": "admin"}
# How long the start waits for the first page: with a database that is away it is not drawn sooner.
FIRST_RUN_SECONDS = 10.0

if __name__ == "__main__":
    from ui import filters, links, theme, visitor, who

    theme.wear(logo(settings().brand_color))
    admins: Literal["visible", "hidden"] = "visible" if visitor.may("admin") else "hidden"
    page = st.navigation(
        {
            "": [
                st.Page("pages/live/overview.py", title="Overview", icon=":material/space_dashboard:", default=True),
                st.Page("pages/live/channels.py", title="Channels", icon=":material/live_tv:"),
                st.Page("pages/live/channel.py", title="Channel", icon=":material/live_tv:", visibility="hidden"),
                st.Page("pages/live/server.py", title="Server", icon=":material/dns:", visibility="hidden"),
            ],
            "History": [
                st.Page("pages/history/bandwidth.py", title="Bandwidth", icon=":material/query_stats:"),
                st.Page("pages/history/audience.py", title="Audience", icon=":material/groups:"),
                st.Page("pages/history/billing.py", title="Billing", icon=":material/payments:"),
                st.Page("pages/history/availability.py", title="Availability", icon=":material/timelapse:"),
            ],
            "Admin": [
                st.Page("pages/admin/fleet.py", title="Fleet", icon=":material/lan:", visibility=admins),
                st.Page("pages/admin/access.py", title="Access", icon=":material/key:", visibility=admins),
                st.Page("pages/admin/system.py", title="System", icon=":material/monitor_heart:"),
            ],
        },
        position="top",
    )
    theme.tab_bar(
        [
            ("Overview", links.OVERVIEW, "space_dashboard"),
            ("Channels", links.CHANNELS, "live_tv"),
            ("Fleet", links.FLEET, "lan") if admins == "visible" else ("System", links.SYSTEM, "monitor_heart"),
        ],
        current=page.title,
    )
    who.sign()
    if not visitor.may(NEEDS.get(page.title, "viewer")):
        who.refuse(page.title)
    else:
        if page.title in REFRESHING:
            filters.choose_refresh()
        page.run()
else:
    import asyncio
    import sys
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager

    from streamlit.runtime import Runtime

    from cdn import logs
    from cdn.settings import SettingsError
    from web.routes import behind_the_gate, routes
    from web.start import Refused, prepare

    try:
        logs.configure(settings().log_format, settings().log_level)
        prepare(settings(), st.get_option("server.address"))
    except (Refused, SettingsError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None

    @asynccontextmanager
    async def drawn_once(_: st.App) -> AsyncIterator[None]:
        """Before anybody is answered the first page is drawn, for nobody: else the first deep link finds no pages."""
        first = asyncio.ensure_future(Runtime.instance().does_script_run_without_error())
        await asyncio.wait({first}, timeout=FIRST_RUN_SECONDS)
        yield
        first.cancel()

    base = st.get_option("server.baseUrlPath")
    tls = bool(st.get_option("server.sslCertFile"))
    app = st.App(__file__, routes=routes(base), middleware=behind_the_gate(base, tls=tls), lifespan=drawn_once)
