"""Pictures of a motion without a display, and the page that plays it."""
