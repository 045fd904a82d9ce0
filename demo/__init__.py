"""A simulated CDN that speaks the real servers' APIs over HTTP. Shares no parsing or deriving with the product."""
