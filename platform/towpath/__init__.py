"""The front door: the command line, and scaffold, run, build, deploy, score, monitor."""

from importlib.metadata import version as _version

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":  # read when asked for: it costs a start 10 ms
        return _version("towpath")
    raise AttributeError(name)
