"""What the web server offers besides pages."""
