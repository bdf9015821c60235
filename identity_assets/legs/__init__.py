"""The two legs that predate LML's endpoint: what they find, and the rules by which source rows make a main row."""
