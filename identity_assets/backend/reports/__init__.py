"""What people read: the gate, everything about one row, the overview, and what the checks look for."""
