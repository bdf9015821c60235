"""The assets, one module each. An asset calls the core and reports metadata; it decides nothing.

The body of an asset imports the core functions that it calls. They bring database drivers and an HTTP client with
them, which a process that only builds the definitions does not need.
"""
