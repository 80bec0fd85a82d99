"""`towpath exchange`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from towpath.console import Console, with_console

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("exchange")
def command() -> None:
    """Sign a model for others, or verify what others signed, with OpenSSF model signing.

    Such a signature says that these files are those that the holder of a key signed. It is no evidence: no gate asks
    for it, and none is satisfied by it. Needs the extra towpath[oms].

    \b
    towpath exchange sign occupation-coder/3 --key office.pem --output occupation-coder-3.sig
    towpath exchange verify model/ --signature occupation-coder-3.sig --key office.pub
    """


@command.command("sign")
@click.argument("ref", metavar="MODEL/VERSION")
@click.option("--key", required=True, type=FILE, help="A private key in PEM, on the curve P-256, P-384 or P-521.")
@click.option("--output", required=True, type=FILE, help="Where the signature is written.")
@with_console
def sign(console: Console, ref: str, key: Path, output: Path) -> None:
    """Sign the files of a version; a key's passphrase comes from TOWPATH_KEY_PASSPHRASE.

    \b
    towpath exchange sign occupation-coder/3 --key office.pem --output occupation-coder-3.sig
    """
    from towpath import releases
    from towpath_registry import oms

    password = os.environ.get("TOWPATH_KEY_PASSPHRASE", "").encode() or None
    with releases.opened(ref, os.environ) as release:
        release.verify()
        digest = oms.sign(release.folder, output, key, password)
        content = {"model": release.ref, "digest": digest, "signature": str(output)}
        console.result(content, f"Signed {release.ref} ({digest[:19]}…): {output}")


@command.command("verify")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--signature", required=True, type=FILE, help="The signature.")
@click.option("--key", required=True, type=FILE, help="The signer's public key in PEM.")
@with_console
def verify(console: Console, folder: Path, signature: Path, key: Path) -> None:
    """Verify that a folder holds exactly the files that were signed; exit code 5 if not.

    \b
    towpath exchange verify model/ --signature occupation-coder-3.sig --key office.pub
    """
    from towpath_registry import oms

    digest = oms.verify(folder, signature, key)
    content = {"folder": str(folder), "digest": digest, "verified": True}
    console.result(content, f"{folder} is what was signed ({digest[:19]}…).")
