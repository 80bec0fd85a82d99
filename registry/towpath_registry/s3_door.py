"""The door to an S3-compatible object store: one place in it, in our words.

Credentials and the endpoint are those of the environment and of AWS's own files; nothing here names or repeats them.
"""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from towpath_core.errors import CouldNot, NotFound
from towpath_registry.artifact_place import S3Place

MARKER = ".towpath"  # an object that is written once, to see whether the store knows what that is
_MIB = 1024 * 1024
_ONE_REQUEST = 8 * _MIB  # larger files go in parts, which nobody sees before the last, small request
_PART, _MOST_PARTS = 16 * _MIB, 10_000
_BUFFER = 1 * _MIB
_MARK = "towpath-write"
_GONE = frozenset({"404", "NoSuchKey"})
_OVERTAKEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_DENIED = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})
_WHO = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for who may read, write and list there"
_WHERE = "set AWS_ENDPOINT_URL_S3 to the object store's address; towpath server --check tells whether it answers"


class Overtaken(CouldNot):
    """Somebody else wrote at the same time, and what they wrote stays."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object, by its name below the place."""

    name: str
    size: int
    etag: str


class Bucket:
    """What lies at a place. Names are below it, and plain."""

    def __init__(self, place: S3Place, environ: Mapping[str, str], page: int = 1000) -> None:
        self.place, self._page = place, page
        self._endpoint = environ.get("MLFLOW_S3_ENDPOINT_URL") or None  # else boto3 reads AWS's own variables

    @cached_property
    def client(self) -> Any:
        """boto3's client, which threads may share. Raises: CouldNot without boto3."""
        with translated(f"opening {self.place}"):
            import boto3
            from botocore.config import Config

            patience = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
            return boto3.session.Session().client("s3", endpoint_url=self._endpoint, config=patience)

    def check(self) -> None:
        """Raise CouldNot unless the bucket answers, and lets us list it."""
        with translated(f"opening {self.place}"):
            self.client.list_objects_v2(Bucket=self.place.bucket, Prefix=self.place.key(MARKER), MaxKeys=1)

    def check_writing(self) -> None:
        """Raise CouldNot unless we may write there, and the store can write only where nothing is."""
        with contextlib.suppress(Overtaken), translated(f"writing to {self.place}"):
            self._put(MARKER, b"", {"IfNoneMatch": "*"})
        with contextlib.suppress(Overtaken), translated(f"writing to {self.place}"):
            self._put(MARKER, b"", {"IfNoneMatch": "*"})
            raise CouldNot(
                f"{self.place} overwrites what is to be written only where nothing is (If-None-Match: *)",
                hint="use an object store with conditional writes, or a folder",
            )

    def all(self, below: str) -> Iterator[Found]:
        """Every object below a name, in order; what stands for an empty folder is none."""
        start = self.place.key(f"{below}/" if below else "")
        own = len(self.place.key(""))
        with translated(f"listing {below or 'everything'}"):
            for page in self._pages(start):
                for one in page.get("Contents", ()):
                    if not (one["Key"].endswith("/") and not one["Size"]):
                        yield Found(one["Key"][own:], one["Size"], one["ETag"])

    def fetch(self, found: Found, target: Path) -> None:
        """Write the very object that was found into a new file. Raises: CouldNot if it is another one by now."""
        asked = {"Bucket": self.place.bucket, "Key": self.place.key(found.name), "IfMatch": found.etag}
        with translated(f"reading {found.name}"), target.open("xb") as file:
            left = found.size
            body = self.client.get_object(**asked)["Body"]
            while content := body.read(min(_BUFFER, left + 1)):
                left -= len(content)
                if left < 0:
                    raise CouldNot(f"{found.name} is larger than the object store says", hint="ask whoever runs it")
                file.write(content)
            if left:
                raise CouldNot(f"{found.name} ended early", hint="try again")

    def read(self, name: str, limit: int) -> bytes:
        """The first bytes of an object."""
        with translated(f"reading {name}"):
            got = self.client.get_object(Bucket=self.place.bucket, Key=self.place.key(name))
            return bytes(got["Body"].read(limit))

    def put(self, name: str, file: Path, judge: Callable[[], None]) -> None:
        """Write a file whole or not at all; `judge` is asked when nothing is left but the request that makes it seen.

        Raises: Overtaken when somebody else wrote, replaced or deleted it meanwhile, and what they left stays.
        """
        with translated(f"writing {name}"):
            before = self._etag(name)
            condition = {"IfMatch": before} if before else {"IfNoneMatch": "*"}
            about = {"ContentType": guess_type(name)[0] or "application/octet-stream"}
            if file.stat().st_size > _ONE_REQUEST:
                self._put_in_parts(name, file, judge, condition, about)
            else:
                content = file.read_bytes()
                judge()
                self._put(name, content, condition, about)

    def delete(self, name: str, judge: Callable[[], None]) -> None:
        """Delete the object and all that lies below its name; `judge` is asked before each page of them."""
        key = self.place.key(name)
        with translated(f"deleting {name}"):
            for page in self._pages(key):
                keys = [one["Key"] for one in page.get("Contents", ())]
                told = [{"Key": one} for one in keys if one == key or one.startswith(f"{key}/") or not name]
                judge()
                said = told and self.client.delete_objects(
                    Bucket=self.place.bucket, Delete={"Objects": told, "Quiet": True}
                )
                if said and said.get("Errors"):
                    raise CouldNot(f"{name} was not deleted whole: {said['Errors'][0]['Code']}", hint=_WHO)

    def _pages(self, start: str) -> Iterator[dict[str, Any]]:
        asked = {"Bucket": self.place.bucket, "Prefix": start, "PaginationConfig": {"PageSize": self._page}}
        yield from self.client.get_paginator("list_objects_v2").paginate(**asked)

    def _put_in_parts(
        self, name: str, file: Path, judge: Callable[[], None], condition: Mapping[str, str], about: Mapping[str, str]
    ) -> None:
        mark = secrets.token_hex(16)
        which = {"Bucket": self.place.bucket, "Key": self.place.key(name)}
        made = self.client.create_multipart_upload(**which, Metadata={_MARK: mark}, **about)
        which["UploadId"] = made["UploadId"]
        size = max(_PART, math.ceil(file.stat().st_size / _MOST_PARTS))
        parts: list[dict[str, Any]] = []
        try:
            with file.open("rb") as stream:
                while content := stream.read(size):
                    number = len(parts) + 1
                    sent = self.client.upload_part(**which, PartNumber=number, Body=content)
                    parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            judge()
            with self._once(name, mark):
                self.client.complete_multipart_upload(**which, MultipartUpload={"Parts": parts}, **condition)
        except BaseException:
            with contextlib.suppress(Exception):  # what is left of it is seen by nobody; the bucket's rules clear it
                self.client.abort_multipart_upload(**which)
            raise

    def _put(
        self, name: str, content: bytes, condition: Mapping[str, str], about: Mapping[str, str] | None = None
    ) -> None:
        mark = secrets.token_hex(16)
        told = {"Bucket": self.place.bucket, "Key": self.place.key(name), "Metadata": {_MARK: mark}}
        with self._once(name, mark):
            self.client.put_object(**told, Body=content, **condition, **(about or {}))

    @contextlib.contextmanager
    def _once(self, name: str, mark: str) -> Iterator[None]:
        """A request that was sent again because its answer was lost finds its own work there, and nobody else's."""
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if _code(error) not in _OVERTAKEN or self._head(name).get("Metadata", {}).get(_MARK) != mark:
                raise

    def _etag(self, name: str) -> str:
        return str(self._head(name).get("ETag", ""))

    def _head(self, name: str) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        try:
            return dict(self.client.head_object(Bucket=self.place.bucket, Key=self.place.key(name)))
        except ClientError as error:
            if _code(error) in _GONE:
                return {}
            raise


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """What boto3 raises leaves as ours. Of the object store's words only its code is repeated."""
    try:
        from botocore import exceptions as botos
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ImportError as error:
        raise CouldNot(
            f"{doing}: boto3 is not installed, without which no object store is reached",
            hint="pip install 'towpath[s3]'",
        ) from error
    try:
        yield
    except ClientError as error:
        raise _of(_code(error), doing) from error
    except NoCredentialsError as error:
        raise CouldNot(f"{doing}: nobody says who asks the object store", hint=_WHO) from error
    except (botos.HTTPClientError, botos.ConnectionError) as error:
        raise CouldNot(f"{doing}: the object store does not answer ({type(error).__name__})", hint=_WHERE) from error
    except (BotoCoreError, ValueError) as error:
        raise CouldNot(f"{doing}: the object store was not asked ({type(error).__name__})", hint=_WHERE) from error


def _of(code: str, doing: str) -> CouldNot:
    if code in _OVERTAKEN:
        return Overtaken(f"{doing}: somebody else wrote it at the same time", hint="look at it, then send it again")
    if code in _DENIED:
        return CouldNot(f"{doing}: the object store refuses ({code})", hint=_WHO)
    if code == "NoSuchBucket":
        return CouldNot(f"{doing}: there is no such bucket", hint="make it, or name another by --artifacts")
    if code in _GONE:
        return NotFound(f"{doing}: it is not there")
    return CouldNot(f"{doing}: the object store says {code}", hint="try again; its own log says more")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
