"""The one writer: what turns stored answers and evidence into rows of the identity tables."""
