"""The front door: the command line, and scaffold, run, build, deploy, score, monitor."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":  # read when asked for: importlib.metadata would double the time of a start
        from importlib.metadata import version

        return version("towpath")
    raise AttributeError(name)
