"""Somebody who looks at the promotion pages, as a browser would send and read them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from office_world import OfficeWorld


@dataclass
class Form:
    """A form of a page: where it goes, and what its fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What an answer shows: its text as a person reads it, its links and forms, and every tag with its attributes."""

    def __init__(self, status: int, headers: dict[str, str], source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.status, self.headers, self.source = status, headers, source
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.links: dict[str, str] = {}
        self.forms: dict[str, Form] = {}
        self._words: list[str] = []
        self._inside: list[str] = []
        self._link = ""
        self.feed(source)

    @property
    def text(self) -> str:
        return " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self._inside.append(tag)
        if tag == "a":
            self._link = given.get("href", "")
        elif tag == "form":
            self._form = Form(given["action"])
            self.forms[given["action"].partition("?")[0].rpartition("/")[2]] = self._form
        elif tag in ("input", "textarea", "select") and given.get("name") and self.forms:
            self._form.fields[given["name"]] = given.get("value", "")
        if tag in ("input", "meta", "br"):
            self._inside.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass
        self._words.append("" if tag in ("a", "strong", "span", "code", "time") else " ")

    def handle_data(self, data: str) -> None:
        if "style" in self._inside or "title" in self._inside:
            return
        self._words.append(data)
        if "a" in self._inside and data.strip():
            self.links[data.strip()] = self._link


class Visitor:
    """Somebody who is logged in; with an empty name nobody."""

    def __init__(self, world: OfficeWorld, name: str) -> None:
        self._client = world.app.test_client()
        said = base64.b64encode(f"{name}:{name}".encode()).decode()
        self._headers = {"Authorization": f"Basic {said}"} if name else {}

    def asks(self, method: str, address: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """The answer, as the test client gives it."""
        return self._client.open(address, method=method, headers={**self._headers, **(headers or {})}, **more)

    def opens(self, address: str) -> Page:
        answer = self.asks("GET", address)
        return Page(answer.status_code, dict(answer.headers), answer.get_data(as_text=True))

    def sends(self, form: Form, headers: dict[str, str] | None = None, **fields: str) -> Page:
        """Fill in and send a form, and follow where it leads."""
        answer = self.asks("POST", form.action, headers, data={**form.fields, **fields})
        if answer.status_code == 303:
            return self.opens(answer.headers["Location"])
        return Page(answer.status_code, dict(answer.headers), answer.get_data(as_text=True))
