"""The inference libraries that run an engine, a module each."""
