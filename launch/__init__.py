"""The supervisor behind `make run` and `make demo`: starts everything in order, keeps it running, ends it in order."""
