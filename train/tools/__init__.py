"""Small programs that make files of this repository."""
