"""Signatures for exchange: over all files, whatever their signer or the library would leave out."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from registry_world import NAME, EmbeddedWorld, material
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Mismatch, Misused
from towpath_registry import oms

if TYPE_CHECKING:
    from tests.conftest import Towpath


def key_pair(folder: Path, name: str = "office") -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    for name in ("MLmodel", "model.skops", "data/a.txt", ".gitignore"):
        (folder / name).write_text(name)
    return folder


def signed(model: Path) -> tuple[Path, Path]:
    private, public = key_pair(model.parent)
    signature = model.parent / "model.sig"
    assert oms.sign(model, signature, private, None) == dir_hash(model)
    return signature, public


def test_what_was_signed_is_verified_and_its_digest_is_the_registrys_own(model: Path) -> None:
    signature, public = signed(model)
    assert oms.verify(model, signature, public) == dir_hash(model)


@pytest.mark.parametrize("name", ["extra.txt", ".gitattributes", ".git/config", ".github/x.yml", "__pycache__/m.pyc"])
def test_a_file_that_was_added_is_found_wherever_it_lies(model: Path, name: str) -> None:
    signature, public = signed(model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("more")
    with pytest.raises(Mismatch, match="does not hold"):
        oms.verify(model, signature, public)


def test_a_changed_a_missing_and_a_renamed_file_are_found(model: Path) -> None:
    signature, public = signed(model)
    (model / "MLmodel").write_text("other")
    with pytest.raises(Mismatch, match="does not hold"):
        oms.verify(model, signature, public)
    (model / "MLmodel").write_text("MLmodel")
    (model / "model.skops").rename(model / "model.pkl")
    with pytest.raises(Mismatch, match="does not hold"):
        oms.verify(model, signature, public)


def test_what_one_verification_found_says_nothing_to_the_next(model: Path) -> None:
    """A verifier that is asked again must look again: at the files, at the signature, and at the key."""
    signature, public = signed(model)
    other = Path(shutil.copytree(model, model.parent / "other"))
    assert oms.verify(model, signature, public) == oms.verify(other, signature, public)
    (other / "MLmodel").write_text("other")
    with pytest.raises(Mismatch, match="does not hold"):
        oms.verify(other, signature, public)
    assert oms.verify(model, signature, public) == dir_hash(model)


def test_a_single_file_is_not_signed_as_a_model(model: Path) -> None:
    private, _ = key_pair(model.parent)
    with pytest.raises(CouldNot, match=r"there is no folder .*model\.skops"):
        oms.sign(model / "model.skops", model.parent / "model.sig", private, None)


def test_another_key_is_not_the_signers(model: Path) -> None:
    signature, _ = signed(model)
    _, other = key_pair(model.parent, "other")
    with pytest.raises(Mismatch, match="does not hold"):
        oms.verify(model, signature, other)


def test_what_a_signer_chose_to_leave_out_is_not_left_out(model: Path) -> None:
    from model_signing import hashing, signing

    private, public = key_pair(model.parent)
    signature = model.parent / "model.sig"
    config = signing.Config().use_elliptic_key_signer(private_key=private)
    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[model / "data"], ignore_git_paths=False))
    config.sign(model, signature)
    with pytest.raises(Mismatch, match="leaves files out"):
        oms.verify(model, signature, public)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"dsseEnvelope": {"payload": "!"}}'])
def test_what_is_no_signature_is_refused(model: Path, content: bytes) -> None:
    _, public = key_pair(model.parent)
    (model.parent / "bad.sig").write_bytes(content)
    with pytest.raises(Mismatch, match="no signature of a model"):
        oms.verify(model, model.parent / "bad.sig", public)


def test_a_signature_that_names_a_file_twice_or_by_another_algorithm_is_refused(model: Path) -> None:
    signature, public = signed(model)
    bundle = json.loads(signature.read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    statement["predicate"]["resources"].append(statement["predicate"]["resources"][0])
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    signature.write_text(json.dumps(bundle))
    with pytest.raises(Mismatch, match="not over the SHA-256 of each file"):
        oms.verify(model, signature, public)


def test_a_signature_is_never_written_into_the_model_or_over_a_file(model: Path) -> None:
    private, _ = key_pair(model.parent)
    with pytest.raises(Misused, match="inside of the model"):
        oms.sign(model, model / "model.sig", private, None)
    with pytest.raises(Misused, match="exists"):
        oms.sign(model, private, private, None)


def test_a_key_of_another_kind_is_refused(model: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    path = model.parent / "ed.pem"
    path.write_bytes(key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    with pytest.raises(Misused, match="signing with"):
        oms.sign(model, model.parent / "model.sig", path, None)


def test_a_version_is_signed_and_verified_from_the_command_line(towpath: Towpath, home: Path, tmp_path: Path) -> None:
    world = EmbeddedWorld(home)
    version = world.add(material())
    private, public = key_pair(tmp_path)
    towpath("exchange", "sign", f"{NAME}/1", "--key", str(private), "--output", str(tmp_path / "m.sig"))
    with world.store.model_folder(version) as folder:
        asked = ("exchange", "verify", str(folder), "--signature", str(tmp_path / "m.sig"), "--key", str(public))
        assert towpath(*asked, "--json").json["digest"] == version.digest
        (folder / "requirements.txt").write_text("evil==1\n")
        assert "does not hold" in towpath(*asked, code=5).err
