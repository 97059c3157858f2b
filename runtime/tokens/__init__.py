"""GenM3 at run time: what an engine of motion tokens is, and how tokens are filled in."""
