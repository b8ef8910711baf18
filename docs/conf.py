"""Configuration of the Sphinx site."""

from importlib.metadata import version as installed_version

project = "skkan"
author = "skkan developers"
copyright = author
version = release = installed_version("skkan")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
html_static_path = ["_static"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"
autosummary_generate = True

intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable", None),
    "python": ("https://docs.python.org/3", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skkan {release}"
