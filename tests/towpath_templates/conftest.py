"""One project of each template for all tests of this folder: copy it before you change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from towpath import scaffold

NAMES = {"coding": "occupation-coder", "tabular": "employment"}


@pytest.fixture(scope="session", params=sorted(NAMES))
def template(request: pytest.FixtureRequest) -> scaffold.Template:
    return scaffold.find(request.param, scaffold.shelf())


@pytest.fixture(scope="session")
def made(template: scaffold.Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made from the template."""
    name = NAMES[template.name]
    folder = tmp_path_factory.mktemp(template.name) / name
    return scaffold.scaffold(template, name, {}, folder=folder, ask=False).path
