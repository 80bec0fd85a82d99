"""Who is acting, as far as this machine can tell."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Mapping


def actor(environ: Mapping[str, str]) -> str:
    """TOWPATH_ACTOR, else git's user.email, else the system's user. A claim, not a proof."""
    return environ.get("TOWPATH_ACTOR", "").strip() or _git_email(environ) or _system_user()


def _git_email(environ: Mapping[str, str]) -> str:
    try:
        asked = subprocess.run(
            ["git", "config", "user.email"], env=dict(environ), capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
