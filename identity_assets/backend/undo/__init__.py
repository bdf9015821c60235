"""Taking back what was written, by run or by writer."""
