"""From a network's answer to a finished motion: the pipeline and its stages."""
