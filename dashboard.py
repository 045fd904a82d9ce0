"""The web program: `streamlit run dashboard.py`.

Imported by Streamlit it holds `app`, the server with our routes; drawn as `__main__` it is the frame around every page.
"""

from __future__ import annotations

import streamlit as st

from cdn.settings import settings
from web.brand import logo

# Pages that show what is so now, again and again.
REFRESHING = ("Overview", "Server")

if __name__ == "__main__":
    from ui import filters, links, theme

    theme.wear(logo(settings().brand_color))
    page = st.navigation(
        {
            "": [
                st.Page("pages/live/overview.py", title="Overview", icon=":material/space_dashboard:", default=True),
                st.Page("pages/live/server.py", title="Server", icon=":material/dns:", visibility="hidden"),
            ],
            "Admin": [st.Page("pages/admin/fleet.py", title="Fleet", icon=":material/lan:")],
        },
        position="top",
    )
    theme.tab_bar(
        [("Overview", links.OVERVIEW, "space_dashboard"), ("Fleet", links.FLEET, "lan")],
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
