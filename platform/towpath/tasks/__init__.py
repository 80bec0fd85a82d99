"""What differs between kinds of model, behind one small interface.

A built-in task is a module of this folder with a `task` object; a task of somebody else is an entry point in the
group `towpath.tasks`. No command knows what a text or a column is: it asks the project's task.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from towpath_core.errors import CouldNot, Misused

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.project import Project


class Task(Protocol):
    """What a record, a prediction and a metric are.

    Records come as a frame with the project's columns, one row each; a prediction is a label with a probability for
    each class; `levels` are the prefix lengths of a label at which it is also judged.
    """

    name: str

    def keys(self, project: Project, records: pd.DataFrame) -> pd.Series[str]:
        """What makes two records the same for a model: equal keys stay on one side of a split. Shape (n,)."""

    def baseline(self, project: Project, train: pd.DataFrame, records: pd.DataFrame) -> np.ndarray[Any, Any]:
        """The labels that the present process would give `records`, learnt from `train`. Shape (n,), str."""

    def features(
        self, project: Project, records: pd.DataFrame, reference: dict[str, Any] | None = None
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """What a profile is made of: columns of numbers or short categories, never the records' own text.

        `reference` is what an earlier call on the training records returned as second value (JSON, no microdata).
        """


def names() -> list[str]:
    """All tasks that can be found, by name."""
    return sorted({m.name for m in pkgutil.iter_modules(__path__)} | {e.name for e in _others()})


def find(name: str) -> Task:
    """Raise Misused for an unknown task, CouldNot for one that does not load or whose name clashes."""
    built_in = {m.name for m in pkgutil.iter_modules(__path__)}
    others = [point for point in _others() if point.name == name]
    if len(others) + (name in built_in) > 1:
        raise CouldNot(f"more than one task is called {name}", hint="uninstall one of the packages that bring it")
    if name in built_in:
        task: Task = importlib.import_module(f"towpath.tasks.{name}").task
        return task
    if not others:
        raise Misused(f"there is no task {name!r}", hint=f"towpath.yaml, task: one of {', '.join(names())}")
    try:
        loaded: Task = others[0].load()
    except Exception as error:
        raise CouldNot(f"the task {name} does not load: {error}") from error
    return loaded


def _others() -> list[Any]:
    return list(entry_points(group="towpath.tasks"))
