from __future__ import annotations

import os
from pathlib import Path

from towpath_registry.actor import actor


def test_who_acts_is_the_named_one_else_gits_user_else_the_systems(tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\temail = ann@example.invalid\n")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": str(config)}
    assert actor({**environ, "TOWPATH_ACTOR": " ci-bot "}) == "ci-bot"
    assert actor(environ) == "ann@example.invalid"
    config.write_text("")
    assert actor(environ)


def test_without_git_there_is_still_somebody(tmp_path: Path) -> None:
    assert actor({"PATH": str(tmp_path)})
