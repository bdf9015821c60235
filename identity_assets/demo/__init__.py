"""What stands in for the two services in the demo and the tests: a PostgreSQL, a catalogue, an LML.

Nothing the pipeline itself needs belongs here: production never imports this package.
"""
