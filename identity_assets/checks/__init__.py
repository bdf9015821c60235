"""The asset checks, one module for each subject. They read and report. Only plausibility.py also writes."""
