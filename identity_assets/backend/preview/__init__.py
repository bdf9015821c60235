"""What a run would do, worked out without writing."""
