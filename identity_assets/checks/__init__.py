"""The asset checks, one module a subject. They only read; they say what they found and what to do about it."""
