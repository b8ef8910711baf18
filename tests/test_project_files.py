import re
from pathlib import Path

import pytest

import skkan

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CITATION.cff", r"^version: (\S+)$"),
        ("recipe/meta.yaml", r'set version = "(\S+)"'),
    ],
)
def test_files_that_cannot_read_the_version_repeat_it(name, pattern):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(pattern, text, flags=re.MULTILINE)[1] == skkan.__version__


def test_recipe_needs_what_the_package_needs():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    recipe = (ROOT / "recipe/meta.yaml").read_text(encoding="utf-8")
    needed = re.search(r"^dependencies = \[(.*?)^\]", project, flags=re.MULTILINE | re.DOTALL)[1]
    for own in re.findall(r'"([^"]+)"', needed):
        assert f"- {own.replace('>=', ' >=')}" in recipe
