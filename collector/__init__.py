"""The collector daemon: polls servers, derives samples from their counters, writes them to the database."""
