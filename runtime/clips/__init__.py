"""Libraries of clips for games: loops in every direction, turns, jumps and what leads from one to another."""
