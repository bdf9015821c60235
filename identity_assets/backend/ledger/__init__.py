"""What a pass selects, asks and is answered: candidates, stored answers, evidence, accounts."""
