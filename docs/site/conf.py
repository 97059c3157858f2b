"""How Sphinx makes the website: `build.py` beside this file runs it."""

from genmo.runtime.support.version import __version__

project = "genmo"
author = "The genmo authors"
copyright = author  # noqa: A001 - Sphinx's name
release = version = __version__
extensions = ["myst_parser"]
exclude_patterns = ["README.md"]  # it is the first page
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"genmo {__version__}"
html_theme_options = {"light_css_variables": {"color-brand-primary": "#b0471f", "color-brand-content": "#b0471f"}}
html_show_sourcelink = False
highlight_language = "none"  # shell lines and file formats, where a block names nothing
