"""The web program: `streamlit run dashboard.py`.

Imported by Streamlit it holds `app`, the server with our routes; drawn as `__main__` it is the frame around every page.
"""

from __future__ import annotations

import streamlit as st

from cdn.settings import settings
from web.brand import logo

# Pages that show what is so now, again and again.
REFRESHING = ("Overview", "Channels", "Channel", "Server", "System")

if __name__ == "__main__":
    from ui import filters, links, theme

    theme.wear(logo(settings().brand_color))
    page = st.navigation(
        {
            "": [
                st.Page("pages/live/overview.py", title="Overview", icon=":material/space_dashboard:", default=True),
                st.Page("pages/live/channels.py", title="Channels", icon=":material/live_tv:"),
                st.Page("pages/live/channel.py", title="Channel", icon=":material/live_tv:", visibility="hidden"),
                st.Page("pages/live/server.py", title="Server", icon=":material/dns:", visibility="hidden"),
            ],
            "Admin": [
                st.Page("pages/admin/fleet.py", title="Fleet", icon=":material/lan:"),
                st.Page("pages/admin/system.py", title="System", icon=":material/monitor_heart:"),
            ],
        },
        position="top",
    )
    theme.tab_bar(
        [
            ("Overview", links.OVERVIEW, "space_dashboard"),
            ("Channels", links.CHANNELS, "live_tv"),
            ("Fleet", links.FLEET, "lan"),
        ],
        current=page.title,
    )
    if page.title in REFRESHING:
        filters.choose_refresh()
    page.run()
else:
    from starlette.middleware import Middleware

    from web.head import Head
    from web.routes import routes, script_version

    app = st.App(
        __file__,
        routes=routes(st.get_option("server.baseUrlPath")),
        middleware=[Middleware(Head, name=settings().brand_name, script_version=script_version())],
    )
