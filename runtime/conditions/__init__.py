"""What a motion must obey: values and the arrays that the network takes; no files are read here."""
