from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_mlflow import FakeMlflow, serving
from registry_world import free_port
from towpath_core.errors import CouldNot, NotFound
from towpath_registry.rest import Rest

SECRET = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cret"}
BASIC = "Basic " + base64.b64encode(b"ann:s3cret").decode()


@pytest.fixture
def fake() -> FakeMlflow:
    return FakeMlflow()


@pytest.fixture
def address(fake: FakeMlflow) -> Iterator[str]:
    with serving(fake) as address:
        yield address


def told(fake: FakeMlflow) -> str | None:
    return fake.requests[-1][2].get("Authorization")


def test_the_user_is_told_as_mlflows_own_client_tells_it(fake: FakeMlflow, address: str) -> None:
    for uri, environ, expected in [
        (address, SECRET, BASIC),
        (address.replace("//", "//ann:s3cret@"), {}, BASIC),
        (address, {"MLFLOW_TRACKING_TOKEN": "abc"}, "Bearer abc"),
        (address, {"MLFLOW_TRACKING_TOKEN": "abc", **SECRET}, BASIC),
        (address, {}, None),
    ]:
        Rest(uri, environ).get("registered-models/get", name="coder")
        assert told(fake) == expected


def test_a_redirect_is_not_followed_and_no_password_goes_elsewhere(fake: FakeMlflow, address: str) -> None:
    other = FakeMlflow()
    with serving(other) as elsewhere:
        fake.redirect = elsewhere
        with pytest.raises(CouldNot, match="answered 302"):
            Rest(address, SECRET).get("registered-models/get", name="coder")
    assert other.requests == []


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "MLFLOW_TRACKING_USERNAME"), (403, "MLFLOW_TRACKING_TOKEN"), (500, "doctor")]
)
def test_a_refusal_tells_the_servers_reason_in_one_line_and_what_to_do(
    fake: FakeMlflow, address: str, status: int, hint: str
) -> None:
    fake.fault = lambda method, path, content: status
    with pytest.raises(CouldNot, match="broken") as caught:
        Rest(address.replace("//", "//ann:s3cret@"), {}).get("registered-models/get", name="coder")
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert "s3cret" not in caught.value.message


def test_what_the_server_does_not_have_is_not_found(address: str) -> None:
    with pytest.raises(NotFound):
        Rest(address, {}).get("registered-models/get", name="other")


@pytest.mark.parametrize("raw", [b"<html>", b"[]", b"", b"\xff"])
def test_an_answer_that_is_not_mlflows_is_named_as_such(fake: FakeMlflow, address: str, raw: bytes) -> None:
    fake.raw = raw
    with pytest.raises(CouldNot, match="does not answer as an MLflow server does"):
        Rest(address, {}).get("registered-models/get", name="coder")


def test_a_server_that_is_away_is_named_with_the_setting_to_check() -> None:
    with pytest.raises(CouldNot, match=r"the MLflow server http://127.0.0.1:\d+ does not answer") as caught:
        Rest(f"http://127.0.0.1:{free_port()}", {}).get("registered-models/get", name="coder")
    assert "MLFLOW_TRACKING_URI" in caught.value.hint


def test_certificates_that_cannot_be_read_are_named_with_their_setting(tmp_path: Path) -> None:
    environ = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(tmp_path / "ca.pem")}
    with pytest.raises(CouldNot, match="ca.pem cannot be read: No such file") as caught:
        Rest("https://127.0.0.1:9", environ)
    assert caught.value.hint == "check MLFLOW_TRACKING_SERVER_CERT_PATH"
