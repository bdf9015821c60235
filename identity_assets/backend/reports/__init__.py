"""What is read for people: the gate, one row's story, the overview, and what the checks look for."""
