from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_world import KEY, private_key
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound
from towpath_registry import keys
from towpath_registry.keys import EVIDENCE, LEDGER, PublicKey

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
# The encodings of the eight points of small order, as RFC 8032 writes points; two more set the sign of an x that is 0.
SMALL = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"TOWPATH_HOME": str(home)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_signature_is_of_one_message_by_one_key() -> None:
    signature = KEY.sign(b"yes")
    assert len(signature) == 64
    assert KEY.public.verify(b"yes", signature)
    assert not KEY.public.verify(b"no", signature)
    assert not private_key(2).public.verify(b"yes", signature)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_none(length: int) -> None:
    assert not KEY.public.verify(b"yes", (KEY.sign(b"yes") * 2)[:length])


def test_a_signature_that_was_made_over_by_adding_the_order_is_none() -> None:
    signature = KEY.sign(b"yes")
    more = int.from_bytes(signature[32:], "little") + ORDER
    assert not KEY.public.verify(b"yes", signature[:32] + more.to_bytes(32, "little"))


def test_the_id_is_the_sha256_of_the_key_and_the_text_is_base64() -> None:
    public = KEY.public
    assert len(public.id) == 64
    assert PublicKey.of(public.text) == public
    assert base64.b64decode(public.text) == public.raw


@pytest.mark.parametrize("weak", SMALL)
def test_a_key_under_which_anybody_can_sign_is_refused(weak: str) -> None:
    with pytest.raises(ValueError, match="a public key is one of the weak ones, under which anybody can sign"):
        PublicKey(bytes.fromhex(weak))


def test_why_a_weak_key_must_be_refused() -> None:
    """The library itself takes the signature of nothing under it, for any message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    trivial = bytes.fromhex(SMALL[0]) + bytes(32)
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(SMALL[0])).verify(trivial, b"whatever you like")


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 2**255])
def test_a_key_in_another_than_its_canonical_form_is_refused(y: int, sign: int) -> None:
    with pytest.raises(ValueError, match="a public key is written in another form than the only valid one"):
        PublicKey((y + sign).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"a public key has 32 bytes, not {length}"):
        PublicKey(bytes([9]) * length)


@pytest.mark.parametrize(
    "text",
    [
        "", "?", KEY.public.text[:-1], f"{KEY.public.text}\n", f" {KEY.public.text}", KEY.public.text + "=",
        base64.urlsafe_b64encode(b"\xfb" * 32).decode(), KEY.public.text[:-2] + chr(ord(KEY.public.text[-2]) + 1) + "=",
    ],
)  # fmt: skip
def test_a_key_in_another_base64_than_the_usual_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a public key (is not base64|is base64 in another form|has 32 bytes, not 0)"):
        PublicKey.of(text)


def test_the_home_makes_its_keys_on_first_use_and_for_its_owner_only(home: Path, environ: dict[str, str]) -> None:
    old = os.umask(0)
    try:
        first = keys.home_key(environ, EVIDENCE)
    finally:
        os.umask(old)
    again = keys.home_key(environ, EVIDENCE)
    assert first.public == again.public == keys.home_public(environ, EVIDENCE)
    assert mode(home / "keys") == 0o700
    assert mode(home / "keys" / "evidence.pem") == 0o600
    assert (home / "keys" / "evidence.pub").read_text() == f"{first.public.text}\n"
    assert sorted(path.name for path in (home / "keys").iterdir()) == [".evidence.lock", "evidence.pem", "evidence.pub"]


def test_the_two_keys_of_a_home_are_two(environ: dict[str, str]) -> None:
    assert keys.home_key(environ, EVIDENCE).public != keys.home_key(environ, LEDGER).public


def test_asking_for_the_public_half_makes_nothing(home: Path, environ: dict[str, str]) -> None:
    assert keys.home_public(environ, EVIDENCE) is None
    assert keys.kept(environ) == ()
    assert not home.exists()


def test_ten_processes_that_make_the_key_at_once_have_the_same(environ: dict[str, str]) -> None:
    code = (
        "import os; from towpath_registry import keys;"
        "print(keys.home_key(os.environ, 'evidence').public.text, keys.home_public(os.environ, 'evidence').text)"
    )
    command, env = [sys.executable, "-c", code], {**os.environ, **environ}

    def ask(_: int) -> str:
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(10) as pool:
        said = set(pool.map(ask, range(10)))
    (pair,) = said
    assert len(set(pair.split())) == 1


@pytest.mark.parametrize("bits", [0o040, 0o004, 0o020, 0o002, 0o010])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(home: Path, environ: dict[str, str], bits: int) -> None:
    keys.home_key(environ, EVIDENCE)
    path = home / "keys" / "evidence.pem"
    path.chmod(0o600 | bits)
    with pytest.raises(Misused, match="others can read the key") as caught:
        keys.home_key(environ, EVIDENCE)
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_folder_that_others_can_write_to_is_refused_with_the_remedy(home: Path, environ: dict[str, str]) -> None:
    (home / "keys").mkdir(parents=True)
    (home / "keys").chmod(0o777)
    with pytest.raises(Misused, match="others can write to") as caught:
        keys.home_key(environ, EVIDENCE)
    assert caught.value.hint == f"chmod 700 {home / 'keys'}"


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CouldNot, match="cannot make the folder") as caught:
        keys.home_key({"TOWPATH_HOME": str(tmp_path / "file")}, EVIDENCE)
    assert caught.value.hint == "set TOWPATH_HOME to another folder"


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    first = keys.make(tmp_path / "a.pem")
    with pytest.raises(Misused, match=r"the key .*a\.pem exists"):
        keys.make(tmp_path / "a.pem")
    assert keys.read(tmp_path / "a.pem", {}).public == first.public
    assert [path.name for path in tmp_path.iterdir()] == ["a.pem"]


def test_a_locked_key_opens_with_its_passphrase_only(environ: dict[str, str]) -> None:
    secret = {**environ, "TOWPATH_KEY_PASSPHRASE": "größer"}
    made = keys.home_key(secret, EVIDENCE)
    assert keys.home_key(secret, EVIDENCE).public == made.public
    with pytest.raises(Misused, match="the passphrase does not open the key"):
        keys.home_key({**environ, "TOWPATH_KEY_PASSPHRASE": "wrong"}, EVIDENCE)


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(environ: dict[str, str]) -> None:
    keys.home_key({**environ, "TOWPATH_KEY_PASSPHRASE": "secret"}, EVIDENCE)
    code = "import os; from towpath_registry import keys; keys.home_key(os.environ, 'evidence')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "is locked, and there is no terminal to ask on" in done.stderr
    assert keys.home_public(environ, EVIDENCE) is not None  # what everybody may know needs no passphrase


def test_nothing_that_is_said_holds_the_key(home: Path, environ: dict[str, str]) -> None:
    made = keys.home_key(environ, EVIDENCE)
    path = home / "keys" / "evidence.pem"
    secret = path.read_text().splitlines()[1]
    begin = f"-----BEGIN {'PRIVATE KEY'}-----"
    path.write_text(f"{begin}\n{secret[:-4]}\n{begin.replace('BEGIN', 'END')}\n")
    with pytest.raises(Misused, match="cannot be read") as caught:
        keys.home_key(environ, EVIDENCE)
    assert secret[10:40] not in f"{caught.value!r} {caught.value.hint}"
    assert secret[10:40] not in repr(made)


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import ec

    path = tmp_path / "ec.pem"
    path.touch(0o600)
    curve = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(curve.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    with pytest.raises(Misused, match="is not an Ed25519 key"):
        keys.read(path, {})


def test_towpath_key_chooses_another_key_for_evidence_alone(tmp_path: Path, environ: dict[str, str]) -> None:
    chosen = keys.make(tmp_path / "mine.pem")
    with_it = {**environ, "TOWPATH_KEY": str(tmp_path / "mine.pem")}
    assert keys.home_key(with_it, EVIDENCE).public == chosen.public == keys.home_public(with_it, EVIDENCE)
    assert keys.home_key(with_it, LEDGER).public == keys.home_key(environ, LEDGER).public != chosen.public
    assert [path.name for path in tmp_path.glob("mine*")] == ["mine.pem"]


def test_a_chosen_key_that_is_not_there_is_not_made(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(NotFound, match="there is no key") as caught:
        keys.home_key({**environ, "TOWPATH_KEY": str(tmp_path / "none.pem")}, EVIDENCE)
    assert "openssl genpkey -algorithm ed25519" in caught.value.hint


def test_the_key_of_the_ledger_is_no_key_for_evidence(home: Path, environ: dict[str, str]) -> None:
    keys.home_key(environ, LEDGER)
    with pytest.raises(Misused, match="what signs evidence must not sign the ledger"):
        keys.home_key({**environ, "TOWPATH_KEY": str(home / "keys" / "ledger.pem")}, EVIDENCE)
    for suffix in ("pem", "pub"):
        os.link(home / "keys" / f"ledger.{suffix}", home / "keys" / f"evidence.{suffix}")
    for name in (EVIDENCE, LEDGER):
        with pytest.raises(Misused, match="what signs evidence must not sign the ledger"):
            keys.home_key(environ, name)


def test_a_public_half_of_another_key_is_noticed(home: Path, environ: dict[str, str]) -> None:
    keys.home_key(environ, EVIDENCE)
    (home / "keys" / "evidence.pub").write_text(f"{KEY.public.text}\n")
    with pytest.raises(Mismatch, match=r"evidence\.pub is not the public half of .*evidence\.pem") as caught:
        keys.home_key(environ, EVIDENCE)
    assert caught.value.hint.startswith(f"remove {home / 'keys' / 'evidence.pub'}")


@pytest.mark.parametrize("content", ["", "no key\n", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "ä\n"])
def test_a_file_that_holds_no_public_key_is_told(home: Path, environ: dict[str, str], content: str) -> None:
    keys.home_key(environ, EVIDENCE)
    (home / "keys" / "evidence.pub").write_text(content)
    with pytest.raises(Misused, match=r"evidence\.pub holds no public key: "):
        keys.home_public(environ, EVIDENCE)


def test_a_public_half_that_was_lost_is_made_again(home: Path, environ: dict[str, str]) -> None:
    made = keys.home_key(environ, EVIDENCE)
    (home / "keys" / "evidence.pub").unlink()
    assert keys.home_public(environ, EVIDENCE) == made.public
    assert keys.home_key(environ, EVIDENCE).public == made.public
    assert (home / "keys" / "evidence.pub").exists()


def test_a_rotation_keeps_what_the_old_key_is_known_by(home: Path, environ: dict[str, str]) -> None:
    before = keys.home_key(environ, EVIDENCE).public
    old, new = keys.rotate(environ)
    assert (old, keys.home_key(environ, EVIDENCE).public) == (before, new)
    assert new != before
    assert (home / "keys" / f"evidence-{before.id[:8]}.pub").read_text() == f"{before.text}\n"
    assert mode(home / "keys" / "evidence.pem") == 0o600
    assert [(kept.public, kept.active) for kept in keys.kept(environ)] == [(new, True), (before, False)]


def test_a_rotation_that_was_interrupted_before_the_new_key_leaves_the_old_one(
    home: Path, environ: dict[str, str]
) -> None:
    before = keys.home_key(environ, EVIDENCE).public
    (home / "keys" / "evidence.pub").rename(home / "keys" / f"evidence-{before.id[:8]}.pub")
    assert [(kept.public, kept.active) for kept in keys.kept(environ)] == [(before, True)]
    assert keys.home_key(environ, EVIDENCE).public == before
    assert keys.rotate(environ)[0] == before


def test_nothing_changes_before_others_know_of_the_new_key(environ: dict[str, str]) -> None:
    before = keys.home_key(environ, EVIDENCE).public
    told: list[tuple[PublicKey | None, PublicKey]] = []

    def announce(old: PublicKey | None, new: PublicKey) -> None:
        told.append((old, new))
        assert keys.home_public(environ, EVIDENCE) == before
        keys.home_key(environ, LEDGER)  # what writes it down signs it, with the other key
        raise CouldNot("the ledger is away")

    with pytest.raises(CouldNot, match="the ledger is away"):
        keys.rotate(environ, announce)
    assert told[0][0] == before != told[0][1]
    assert keys.home_key(environ, EVIDENCE).public == before
    assert [kept.public for kept in keys.kept(environ) if kept.name == EVIDENCE] == [before]


def test_the_first_rotation_of_a_home_makes_its_first_key(environ: dict[str, str]) -> None:
    old, new = keys.rotate(environ)
    assert old is None
    assert keys.home_public(environ, EVIDENCE) == new


def test_a_locked_key_stays_locked_when_it_is_rotated(environ: dict[str, str]) -> None:
    secret = {**environ, "TOWPATH_KEY_PASSPHRASE": "secret"}
    keys.home_key(secret, EVIDENCE)
    with pytest.raises(Misused, match="the passphrase does not open the key"):
        keys.rotate({**environ, "TOWPATH_KEY_PASSPHRASE": "wrong"})
    _, new = keys.rotate(secret)
    assert keys.home_key(secret, EVIDENCE).public == new
    with pytest.raises(Misused, match="the passphrase does not open the key"):
        keys.home_key({**environ, "TOWPATH_KEY_PASSPHRASE": "wrong"}, EVIDENCE)


def test_a_chosen_key_is_not_towpaths_to_rotate(tmp_path: Path, environ: dict[str, str]) -> None:
    keys.make(tmp_path / "mine.pem")
    with pytest.raises(Misused, match="TOWPATH_KEY names a key that towpath does not keep"):
        keys.rotate({**environ, "TOWPATH_KEY": str(tmp_path / "mine.pem")})


def test_rotations_at_once_lose_no_public_key(environ: dict[str, str]) -> None:
    first = keys.home_key(environ, EVIDENCE).public
    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda _: keys.rotate(environ), range(5)))
    known = {kept.public for kept in keys.kept(environ)}
    assert known == {first, *(new for _, new in done)}
    assert keys.home_key(environ, EVIDENCE).public in known


def test_a_key_made_by_openssl_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "ours.pem"
    done = subprocess.run(
        ["sh", "-c", f"umask 077; openssl genpkey -algorithm ed25519 -out {path}"], capture_output=True
    )
    if done.returncode:
        pytest.skip("no openssl with Ed25519")
    key = keys.read(path, {})
    assert key.public.verify(b"yes", key.sign(b"yes"))


def test_a_name_that_is_no_key_of_the_home_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="there is no key of the home called other"):
        keys.home_key(environ, "other")


def test_importing_the_module_does_not_import_cryptography() -> None:
    code = "import sys; from towpath_registry import evidence, trust; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
