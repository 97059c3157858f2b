"""Captions from measurement: tags of what a stretch of motion does, and sentences that say it."""
