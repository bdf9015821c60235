"""The jobs: named selections of the graph that a schedule, a person or the command line launches."""
