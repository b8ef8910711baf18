"""Configuration of the Sphinx site."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skkan"
author = "skkan developers"
copyright = author
version = release = installed_version("skkan")

extensions = [
    "benchmark_figures",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # MathJax from a package: the site needs no network.
    "sphinx-mathjax-offline",
]
html_static_path = ["_static"]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_generated", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Prompts and output are not copied.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

autodoc_typehints = "none"
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
# Types in docstrings name KANRegressor, which skkan and skkan.dask both have.
suppress_warnings = ["ref.python"]
# The methods of a class in the order in which one needs them; see _templates/autosummary/class.rst.
autosummary_context = {
    "method_groups": [
        ("Create and draw", ["from_estimator", "from_samples", "plot", "summary"]),
        (
            "Train",
            ["fit", "partial_fit", "refit", "refine", "solve", "evaluate", "forecast", "simulate"],
        ),
        (
            "Predict",
            ["predict", "predict_proba", "predict_log_proba", "decision_function"],
        ),
        (
            "Look inside",
            [
                "feature_interactions",
                "prune",
                "prune_inputs",
            ],
        ),
        (
            "Make formulas",
            [
                "suggest_symbolic",
                "fix_symbolic",
                "unfix_symbolic",
                "auto_symbolic",
                "symbolic_",
                "to_sympy",
                "sympy",
                "latex",
                "to_function",
                "to_code",
            ],
        ),
    ],
    # Inherited from scikit-learn and described there.
    "scikit_learn_methods": [
        "get_metadata_routing",
        "get_params",
        "score",
        "set_callbacks",
        "set_fit_request",
        "set_output",
        "set_params",
        "set_partial_fit_request",
        "set_predict_request",
        "set_score_request",
    ],
}

# Links to other projects need their inventories, and so the network.
if os.environ.get("SKKAN_DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "abort_on_example_error": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skkan",),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "min_reported_time": 10,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skkan"
html_theme_options = {
    "icon_links": [
        {
            "name": "Source code",
            "url": "https://github.com/skkan/skkan",
            "icon": "fa-brands fa-github",
        }
    ],
    "navbar_align": "left",
    "navigation_with_keys": False,
    "search_as_you_type": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {"index": [], "changelog": [], "search": []}
html_css_files = ["skkan.css"]
html_show_sourcelink = False
