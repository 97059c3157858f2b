"""Other things that engines and networks are exported to."""
