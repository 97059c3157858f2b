"""What a motion does, measured at its joints: curves, numbers and the tags that name what is clearly so."""
