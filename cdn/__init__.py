"""The shared words: nouns, metrics, units, settings. Imports nothing else of ours."""

VERSION = "0.1.0"
