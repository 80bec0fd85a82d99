"""Put together what is registered, served and built into an image: one folder, every byte accounted for."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from towpath import project as projects
from towpath_core.digests import sha256_file
from towpath_core.errors import Mismatch, NotFound
from towpath_core.files import read_json, write_json, write_text
from towpath_core.manifest import Field, Manifest, Threshold

if TYPE_CHECKING:
    from towpath.project import Project


def main() -> None:
    package(projects.load())


def package(project: Project) -> None:
    """Write package/: the model, its manifest, examples with the answers to them, lock, model card."""
    scratch = project.path(".dvc/tmp")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="package-", dir=scratch) as temporary:
        folder = Path(temporary) / "package"
        folder.mkdir()
        _fill(project, folder)
        if project.package.exists():
            shutil.rmtree(project.package)
        folder.rename(project.package)


def _fill(project: Project, folder: Path) -> None:
    from towpath_core.model_files import mlmodel
    from towpath_serve.predictor import Predictor

    measured = read_json(project.reports / "metrics.json", "the evaluation's report")
    _copy(project.trained, folder / "model.skops", "towpath run")
    _copy(project.path("requirements.lock"), folder / "requirements.txt", "git checkout requirements.lock")
    _copy(project.path("docs/model_card.md"), folder / "MODEL_CARD.md", "write docs/model_card.md")
    _copy(project.path(project.settings.nomenclature.file), folder / "nomenclature.csv", "git checkout nomenclature")
    made = manifest(project, measured["threshold"]["value"])
    made.write(folder)
    examples = _examples(project)
    write_json(folder / "input_example.json", examples)
    write_text(folder / "MLmodel", json.dumps(mlmodel(made), indent=2) + "\n")
    expected = Predictor.open(folder).answer(examples)
    rejected = [answer["reason"] for answer in expected if answer["decision"] == "rejected"]
    if rejected:
        raise Mismatch(
            f"an example of towpath.yaml is no good record: {rejected[0]}", hint="mend towpath.yaml, examples"
        )
    write_json(folder / "expected.json", expected)
    for path in folder.rglob("*"):
        path.chmod(0o644)


def manifest(project: Project, threshold: float | None) -> Manifest:
    """What towpath.yaml says of the model, with the threshold that evaluation chose."""
    settings = project.settings
    inputs = tuple(Field(field.name, field.type, field.required, field.max_length) for field in settings.data.inputs)
    levels = settings.nomenclature.levels
    return Manifest(
        name=settings.name,
        task=settings.task,
        target=settings.data.target,
        inputs=inputs,
        levels=levels,
        threshold=Threshold(threshold, target=settings.threshold.target),
        nomenclature={
            "name": settings.nomenclature.name,
            "version": settings.nomenclature.version,
            "digest": sha256_file(project.path(settings.nomenclature.file)),
        },
    )


def _examples(project: Project) -> list[dict[str, str | int | float | None]]:
    """As towpath.yaml has them; numbers with a point, because MLflow's signature takes 41 for a whole number only."""
    numbers = {field.name for field in project.settings.data.inputs if field.type == "number"}
    return [
        {name: float(value) if name in numbers and isinstance(value, int) else value for name, value in example.items()}
        for example in project.settings.examples
    ]


def _copy(source: Path, target: Path, hint: str) -> None:
    if not source.is_file():
        raise NotFound(f"{source.name} is missing", hint=hint)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    main()
