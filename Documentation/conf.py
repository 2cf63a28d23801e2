# SPDX-License-Identifier: GPL-2.0
"""Configuration of Sphinx: https://www.sphinx-doc.org/en/master/usage/configuration.html"""

project = "io_uring reissue"
extensions: list[str] = []
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_show_copyright = False
highlight_language = "none"
