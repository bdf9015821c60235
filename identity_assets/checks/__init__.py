"""The asset checks, one module a subject. All but plausibility.py only read; they say what they found."""
