"""What several test files share: the built site, and norms that a test of equal outputs needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import get_assets

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("docs", "overrides", "snippets", "scripts", "mkdocs.yml", "package-lock.json")
BUILDERS = ("mkdocs", "zensical")
SITE_URL = "https://example.org/convnets-checked/"  # below a folder, as a project's site on GitHub Pages is


def copy_project(target: Path) -> Path:
    """A copy of what the builders read, so that a test may change it and no build touches the working tree."""
    target.mkdir()
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target / name)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    return target


def build(builder: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of `project` into its folder site/ with `mkdocs` or `zensical`, strictly."""
    environment = {**os.environ, "SITE_URL": SITE_URL, "NO_MKDOCS_2_WARNING": "1"}
    for name in ("SITE_DIR", "REPO_URL", "EDIT_URI"):
        environment.pop(name, None)
    command = [sys.executable, "-m", builder, "build", "--strict"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)


def with_random_norms(model):
    """Return `model` with random statistics, weights and biases in its BatchNorm2d: fresh ones would hide a swap."""
    from torch import nn  # only the tests of networks wait for torch

    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.running_var, layer.weight):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (layer.running_mean, layer.bias):
                nn.init.normal_(values, std=0.1)
    return model


@pytest.fixture(scope="session")
def assets() -> None:
    """Temml, the math font, the notebooks and the texts are there."""
    for script in ("get_assets", "make_notebooks", "make_texts"):
        subprocess.run([sys.executable, "-m", f"scripts.{script}"], cwd=ROOT, check=True)
    assert get_assets.up_to_date()


def built_site(builder: str, folder: Path) -> Path:
    """Build a fresh copy and return its site/; the whole output of the builder is the message when it fails."""
    project = copy_project(folder)
    result = build(builder, project)
    assert result.returncode == 0, f"{builder} build --strict failed:\n{result.stdout}{result.stderr}"
    return project / "site"


@pytest.fixture(scope="session")
def site(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that is published."""
    return built_site("mkdocs", tmp_path_factory.mktemp("mkdocs") / "project")


@pytest.fixture(scope="session")
def zensical_site(assets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tree, built by Material's successor."""
    return built_site("zensical", tmp_path_factory.mktemp("zensical") / "project")
