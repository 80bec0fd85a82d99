"""The addresses of a served model, asked over a real connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving_world import Service
from towpath_core.digests import dir_hash
from towpath_serve.app import create_app
from towpath_serve.predictor import Predictor

RECORD = {"text": "cook in a kitchen"}


@pytest.fixture(scope="module")
def service(packaged: Path) -> Iterator[Service]:
    service = Service(
        create_app(Predictor.open(packaged, version="occupation-coder/1"), body_limit=5000, records_limit=50)
    )
    yield service
    service.stop()


def test_health_names_the_model_and_its_digest(service: Service, packaged: Path) -> None:
    told = {"status": "ok", "model": "occupation-coder/1", "digest": dir_hash(packaged)}
    assert service.ask("GET", "/health") == (200, told)


def test_the_model_tells_what_it_expects(service: Service) -> None:
    status, told = service.ask("GET", "/model")
    assert status == 200
    assert told["manifest"]["inputs"][0]["name"] == "text"
    assert told["classes"] == 3


def test_answers_are_the_predictors(service: Service, packaged: Path) -> None:
    records = [RECORD, {"text": ""}, RECORD]

    status, told = service.ask("POST", "/predict", {"records": records})

    assert status == 200
    assert told["predictions"] == Predictor.open(packaged, version="occupation-coder/1").answer(records)
    assert (told["model"], told["digest"], told["threshold"]) == ("occupation-coder/1", dir_hash(packaged), 0.7)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"secret", b'{"records": [{"text": NaN}]}', b"\xff\xfe", b"[" * 4000, b'{"records": [{"text": 1e}]}'],
)
def test_what_is_not_json_is_refused(service: Service, body: bytes) -> None:
    status, told = service.ask("POST", "/predict", body)
    assert (status, told) == (400, {"error": {"message": 'the request is not JSON, expected {"records": [{…}, …]}'}})


@pytest.mark.parametrize(
    "body", [[], {}, {"records": []}, {"records": {}}, {"records": "secret"}, {"instances": [RECORD]}, RECORD, None, 1]
)
def test_json_of_another_shape_is_refused(service: Service, body: Any) -> None:
    status, told = service.ask("POST", "/predict", json.dumps(body).encode())
    assert status == 422
    assert told == {"error": {"message": 'the request has another shape, expected {"records": [{…}, …]}'}}


def test_too_much_is_refused(service: Service) -> None:
    assert service.ask("POST", "/predict", b" " * 5001)[0] == 413
    assert service.ask("POST", "/predict", {"records": [{"text": "a"}] * 51})[0] == 413
    assert service.ask("POST", "/predict", {"records": [{"text": "a"}] * 50})[0] == 200


def test_a_number_too_large_is_a_rejected_record(service: Service) -> None:
    status, told = service.ask("POST", "/predict", b'{"records": [{"text": 1' + b"0" * 1000 + b"}]}")
    assert status == 200 or told["error"]
    assert b"000000" not in json.dumps(told).encode()


def test_errors_are_json_everywhere(service: Service) -> None:
    assert service.ask("GET", "/nowhere") == (404, {"error": {"message": "Not Found"}})
    assert service.ask("GET", "/predict") == (405, {"error": {"message": "Method Not Allowed"}})


def test_a_fault_inside_quotes_nothing(packaged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        classes_: Sequence[str] = ()

        def predict_proba(self, frame: Any) -> Any:
            raise ValueError(f"cannot use {frame.iloc[0, 0]}")

    service = Service(create_app(replace(Predictor.open(packaged), _model=Broken())))
    try:
        answer = service.ask("POST", "/predict", {"records": [{"text": "secret"}]})
    finally:
        service.stop()

    assert answer == (500, {"error": {"message": "the model could not answer"}})
    logged = capfd.readouterr().err
    assert "ValueError" in logged
    assert "secret" not in logged


def test_many_clients_at_once_get_their_own_answers(service: Service) -> None:
    texts = ["kitchen cook", "school teacher", "care assistant", "other"] * 8
    found: dict[int, Any] = {}

    def one(number: int) -> None:
        found[number] = service.ask("POST", "/predict", {"records": [{"text": texts[number]}]})[1]["predictions"]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    labels = [found[number][0]["label"] for number in range(len(texts))]
    assert labels[:3] == ["5434", "2314", "6145"]
    assert labels == labels[:4] * 8
