"""An object store of the tests' own: moto's server as a process, which speaks S3 on a port of this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

from registry_world import free_port
from towpath_registry.artifact_place import S3Place
from towpath_registry.s3_door import Bucket

SECRET = "nobody-may-read-this-key"


@dataclass
class ObjectStore:
    """What answers at `address`. Its keys are text, as those of any other, and it knows conditional writes."""

    address: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def environ(self) -> dict[str, str]:
        """What names it and who asks, as a server finds it in its environment."""
        return {
            "AWS_ENDPOINT_URL_S3": self.address,
            "AWS_ACCESS_KEY_ID": "towpath",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def place(self, prefix: str = "towpath") -> S3Place:
        """A place in a new bucket."""
        made = S3Place(f"bucket-{next(self._numbers)}", prefix)
        self.client.create_bucket(Bucket=made.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        return made

    @cached_property
    def client(self) -> Any:
        """boto3's own, for what the owner of a bucket does past any server."""
        with pointing_at(self):
            return Bucket(S3Place("any"), {}).client

    def put(self, place: S3Place, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=place.bucket, Key=place.key(name), Body=content)

    def content(self, place: S3Place) -> dict[str, bytes]:
        """All that lies in the place's bucket, by its whole key."""
        listed = self.client.list_objects_v2(Bucket=place.bucket).get("Contents", ())
        client = self.client
        return {one["Key"]: client.get_object(Bucket=place.bucket, Key=one["Key"])["Body"].read() for one in listed}

    def unfinished(self, place: S3Place) -> int:
        """How many uploads in parts nobody has ended."""
        return len(self.client.list_multipart_uploads(Bucket=place.bucket).get("Uploads", ()))


@contextlib.contextmanager
def pointing_at(store: ObjectStore) -> Iterator[None]:
    """For the block, this process's environment names the store."""
    before = {name: os.environ.get(name) for name in store.environ}
    os.environ.update(store.environ)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A store that is empty, and gone when the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(process, address)
            yield ObjectStore(address)
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/moto-api/", timeout=5):
            return
        assert process.poll() is None, "the object store ended by itself"
        assert time.monotonic() < deadline, "the object store does not answer"
        time.sleep(0.05)
