"""A small client for MLflow's REST interface, and those that an MLflow server carries, on the standard library."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cache
from typing import IO, Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from towpath_core.errors import CouldNot, NotFound, TowpathError

_API = "/api/2.0/mlflow/"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_TIMEOUT = 60.0


class Rest:
    """Talks to the MLflow server at `uri` as the user that the environment names (MLFLOW_TRACKING_…).

    `api` is below which address it asks; what it asks is about the workspace that MLFLOW_WORKSPACE names.
    """

    def __init__(self, uri: str, environ: Mapping[str, str], api: str = _API) -> None:
        parts = urlsplit(uri)
        self.shown, self._api = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), api
        self._headers = {"Accept": "application/json", **_authorization(parts.username, parts.password, environ)}
        if workspace := environ.get("MLFLOW_WORKSPACE", "").strip():
            self._headers["X-MLFLOW-WORKSPACE"] = workspace
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if parts.scheme == "https":
            context = _trusting(environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, /, **question: object) -> dict[str, Any]:
        """The answer of `GET …/mlflow/<path>`. Raises: NotFound, CouldNot."""
        return self._asked("GET", f"{self._api}{path}?{urlencode(question)}")

    def send(self, method: str, path: str, /, **content: object) -> dict[str, Any]:
        """The answer of another method, its content as JSON. Raises as `get` does."""
        return self._asked(method, f"{self._api}{path}", json.dumps(content).encode())

    @contextlib.contextmanager
    def stream(self, address: str, /, **question: object) -> Any:
        """What a file's address answers, as a binary stream. Raises as `get` does."""
        request = urllib.request.Request(f"{self.shown}{address}?{urlencode(question)}", headers=self._headers)  # noqa: S310
        with self._translated(), self._opener.open(request, timeout=_TIMEOUT) as answer:
            yield answer

    def _asked(self, method: str, address: str, content: bytes | None = None) -> dict[str, Any]:
        headers = {**self._headers, **({"Content-Type": "application/json"} if content is not None else {})}
        request = urllib.request.Request(self.shown + address, content, headers, method=method)  # noqa: S310
        with self._translated(), self._opener.open(request, timeout=_TIMEOUT) as answer:
            found = json.load(answer)
        if not isinstance(found, dict):
            raise CouldNot(f"{self.shown} does not answer as an MLflow server does", hint="check MLFLOW_TRACKING_URI")
        return found

    @contextlib.contextmanager
    def _translated(self) -> Any:
        try:
            yield
        except urllib.error.HTTPError as error:
            raise self._refused(error.code, str(error.reason), _content(error)) from error
        except ssl.SSLError as error:
            raise CouldNot(f"{self.shown}: {error}", hint="MLFLOW_TRACKING_SERVER_CERT_PATH names your CA") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise CouldNot(
                f"the MLflow server {self.shown} does not answer: {reason}",
                hint="check MLFLOW_TRACKING_URI: towpath doctor",
            ) from error
        except ValueError as error:
            raise CouldNot(
                f"{self.shown} does not answer as an MLflow server does", hint="check MLFLOW_TRACKING_URI"
            ) from error

    def _refused(self, code: int, reason: str, content: bytes) -> TowpathError:
        said = _said(content)
        text = str(said.get("message") or reason).partition("\n")[0][:300]
        if said.get("error_code") in _MISSING:
            return NotFound(text, hint="towpath list")
        if code in (401, 403):
            return CouldNot(
                f"the MLflow server {self.shown} refused: {text}",
                hint="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        return CouldNot(f"the MLflow server {self.shown} answered {code}: {text}", hint="towpath doctor")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: following it would send the user's password to wherever it points."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


@cache
def _trusting(certificates: str | None) -> ssl.SSLContext:
    """Whom to trust over https; to read the system's list takes longer than to ask a server."""
    try:
        return ssl.create_default_context(cafile=certificates)
    except OSError as error:
        raise CouldNot(
            f"the certificates in {certificates} cannot be read: {error.strerror or error}",
            hint="check MLFLOW_TRACKING_SERVER_CERT_PATH",
        ) from error


def _authorization(name: str | None, password: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    name = unquote(name) if name else environ.get("MLFLOW_TRACKING_USERNAME")
    password = unquote(password) if password else environ.get("MLFLOW_TRACKING_PASSWORD")
    if name and password:
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _content(error: urllib.error.HTTPError) -> bytes:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return error.read(1 << 20)
    return b""


def _said(content: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    return {}
