"""An engine folder and what runs it: its contents, text encoders and inference libraries."""
