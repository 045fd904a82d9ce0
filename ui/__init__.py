"""What pages are made of: cached reads, figures, and the parts of the screen. Every datum is escaped in `html.py`."""
