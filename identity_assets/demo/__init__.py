"""Replacements for the services around this project, for the demo and the tests: PostgreSQL, a catalogue, LML.

Production never imports this package, so nothing that the pipeline needs belongs here.
"""
