"""What `genmo-run` is made of: its options, what they ask for, and what it shows."""
