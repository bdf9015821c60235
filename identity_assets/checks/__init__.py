"""The asset checks, one module a subject: they only read, and say what they found and what to do about it."""
