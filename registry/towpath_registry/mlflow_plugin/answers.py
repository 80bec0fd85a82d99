"""Our errors, as MLflow's server answers them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from towpath_core.errors import Mismatch, Misused, NotFound, Refused, TowpathError
from towpath_registry.mlflow_plugin.house import person

_CODES = (
    (Refused, codes.PERMISSION_DENIED),
    (Mismatch, codes.PERMISSION_DENIED),
    (Misused, codes.INVALID_PARAMETER_VALUE),
    (NotFound, codes.RESOURCE_DOES_NOT_EXIST),
)
_log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


def guarded(method: F) -> F:
    """A write of a store: somebody known asks for it, and every refusal is one that MLflow can answer."""

    @wraps(method)
    def asked(*args: Any, **values: Any) -> Any:
        with answering():
            person()
            _refuse_half_characters(*args, *values.values())
            return method(*args, **values)

    return asked  # type: ignore[return-value]


def _refuse_half_characters(*values: object) -> None:
    """Raise MlflowException for text that no database can hold."""
    for value in values:
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise MlflowException("a text holds half a character (a lone surrogate)", codes.INVALID_PARAMETER_VALUE)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Whatever is raised leaves as an MlflowException; what nobody foresaw is a refusal that says nothing of itself."""
    try:
        yield
    except MlflowException:
        raise
    except TowpathError as error:
        raise as_mlflow(error) from error
    except Exception as error:
        _log.exception("refused, because deciding failed")
        raise MlflowException(
            "refused: whether this is allowed could not be decided; the server's log says why", codes.INTERNAL_ERROR
        ) from error


def as_mlflow(error: TowpathError) -> MlflowException:
    """The error with what to do next in the same text, because MLflow's clients and pages show nothing else."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), codes.TEMPORARILY_UNAVAILABLE)
    text = error.message.rstrip(". ")
    return MlflowException(f"{text}. Next: {error.hint}" if error.hint else f"{text}.", code)
