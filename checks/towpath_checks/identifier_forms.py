"""How identifiers are written: e-mail addresses, telephone numbers, IBANs, national numbers.

Where a number has check digits, they are computed; a form alone is no identifier then. Sources: IBAN, ISO 13616 with
the check of ISO 7064 (mod 97-10). DE, Steuer-Identifikationsnummer: § 139b AO, ISO 7064 (mod 11, 10). FR, NIR: Insee,
97 − n mod 97. ES, DNI and NIE: letter by n mod 23, Real Decreto 1553/2005. PL, PESEL: weights 1, 3, 7, 9. NO,
fødselsnummer: Skatteetaten, weights 3, 7, 6 … and 5, 4, 3 …, mod 11. SE, personnummer: Luhn. FI, henkilötunnus: sign
by n mod 31. NL, BSN: elfproef. BE, rijksregisternummer: 97 − n mod 97. IT, codice fiscale: D.M. 23.12.1976. CH, AHV
number: EAN-13. US, SSN and GB, national insurance number: form only, they have no check digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of identifier is written, what else must hold, and how often chance alone would meet that."""

    kind: str
    pattern: re.Pattern[str]
    plausible: Callable[[str], bool] = lambda _text: True
    checked: Callable[[str], bool] = lambda _text: True
    by_chance: float = 0.0


_LENGTHS = (  # the IBAN registry's, by country
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FO GL NL"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS"),
    (23, "AE GI IL TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "PT"),
    (26, "IS TR"),
    (27, "FR GR IT MC MR SM"),
    (28, "AL AZ CY DO GT HU LB PL"),
    (29, "BR PS QA UA"),
    (30, "JO KW MU"),
    (31, "MT SC"),
)
_IBAN_LENGTHS = {country: length for length, countries in _LENGTHS for country in countries.split()}
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _iban(text: str) -> bool:
    """The words behind it may have been taken for a part of it: its country says how long it is."""
    number = text[: _IBAN_LENGTHS.get(text[:2], 0)]
    whole = bool(number) and len(number) == _IBAN_LENGTHS[text[:2]]
    return whole and int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def _weighted(text: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))


def _luhn(text: str) -> bool:
    doubled = [int(c) * (2 if place % 2 else 1) for place, c in enumerate(reversed(text))]
    return sum(d // 10 + d % 10 for d in doubled) % 10 == 0


def _steuer_id(text: str) -> bool:
    product = 10
    for digit in text[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(text[10])


def _repeats_one_digit(text: str) -> bool:
    """Of the first ten digits of a German number one stands twice or three times, the others once at most."""
    times = sorted((text[:10].count(digit) for digit in set(text[:10])), reverse=True)
    return text[0] != "0" and times[0] in (2, 3) and (len(times) == 1 or times[1] == 1)


def _nir(text: str) -> bool:
    number = text.replace("2A", "19").replace("2B", "18") if text[5:7] in ("2A", "2B") else text
    return number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


def _dni(text: str) -> bool:
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def _norwegian(text: str) -> bool:
    first = -_weighted(text[:9], (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_weighted(text[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (first, second) == (int(text[9]), int(text[10]))


def _codice_fiscale(text: str) -> bool:
    total = 0
    for place, sign in enumerate(text[:15]):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += value if place % 2 else _ODD[value]
    return chr(ord("A") + total % 26) == text[15]


def _ahv(text: str) -> bool:
    return _weighted(text, (1, 3) * 6 + (1,)) % 10 == 0


def _finnish(text: str) -> bool:
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[-4:-1]) % 31] == text[-1]


def _bsn(text: str) -> bool:
    return _weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _belgian(text: str) -> bool:
    return any(97 - int(century + text[:9]) % 97 == int(text[9:]) for century in ("", "2"))


def _pesel(text: str) -> bool:
    return _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _day(year: str, month: str, day: str, extra: Sequence[int] = (), days: Sequence[int] = ()) -> bool:
    """Whether the digits are a day of some century; `extra` and `days` are what may be added to month and day."""
    months = [int(month) - more for more in (0, *extra)]
    shown_days = [int(day) - more for more in (0, *days)]
    return any(_is_day(int(century + year), m, d) for century in ("19", "20") for m in months for d in shown_days)


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _form(
    kind: str,
    pattern: str,
    checked: Callable[[str], bool] = lambda _text: True,
    by_chance: float = 0.0,
    plausible: Callable[[str], bool] = lambda _text: True,
) -> Form:
    whole = rf"(?<![0-9A-Za-z+])(?:{pattern})(?![0-9A-Za-z])"
    return Form(kind, re.compile(whole, re.ASCII), plausible, checked, by_chance)


_DATED = r"(?!\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d))"  # a day is no telephone number
FORMS: tuple[Form, ...] = (
    Form("an e-mail address", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")),
    _form(
        "an IBAN",
        r"[A-Za-z]{2}\d{2}(?: ?[0-9A-Za-z]{4}){2,7}(?: ?[0-9A-Za-z]{1,3})?",
        _iban,
        1 / 97,
        lambda t: t[:2] in _IBAN_LENGTHS,
    ),
    _form(
        "a national number (FR)",
        r"[1-478] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        _nir,
        1 / 97,
    ),
    _form("a national number (DE)", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _steuer_id, 1 / 10, _repeats_one_digit),
    _form("a national number (ES)", r"(?:\d{8}|[XYZxyz]-?\d{7})-?[A-Za-z]", _dni, 1 / 23),
    _form(
        "a national number (IT)",
        r"[A-Za-z]{6}\d{2}[A-EHLMPRSTa-ehlmprst]\d{2}[A-Za-z]\d{3}[A-Za-z]",
        _codice_fiscale,
        1 / 26,
    ),
    _form("a national number (PL)", r"\d{11}", _pesel, 1 / 10, lambda t: _day(t[:2], t[2:4], t[4:6], (20, 40, 60, 80))),
    _form(
        "a national number (NO)",
        r"\d{6} ?\d{5}",
        _norwegian,
        1 / 121,
        lambda t: _day(t[4:6], t[2:4], t[:2], (40, 80), (40,)),
    ),
    _form(
        "a national number (SE)",
        r"(?:\d{2})?\d{6}[-+]?\d{4}",
        lambda t: _luhn(t.replace("+", "")[-10:]),
        1 / 10,
        lambda t: _day(t.replace("+", "")[-10:-8], t.replace("+", "")[-8:-6], t.replace("+", "")[-6:-4], (), (60,)),
    ),
    _form(
        "a national number (FI)",
        r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-Z]",
        _finnish,
        1 / 31,
        lambda t: _day(t[4:6], t[2:4], t[:2]),
    ),
    _form("a national number (NL)", r"\d{9}", _bsn, 1 / 11, lambda t: t != "0" * 9),
    _form(
        "a national number (BE)",
        r"\d{2}[.]?\d{2}[.]?\d{2}[- ]?\d{3}[.]?\d{2}",
        _belgian,
        2 / 97,
        lambda t: _day(t[:2], t[2:4], t[4:6], (20, 40)),
    ),
    _form("a national number (CH)", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}", _ahv, 1 / 10),
    _form("a national number (US)", r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"),
    _form(
        "a national number (GB)",
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
    ),
    _form("a telephone number", r"\+\d(?:[ ().\/-]{0,2}\d){7,14}"),
    _form(
        "a telephone number",
        _DATED + r"(?:\(0\d{1,4}\)|0\d{1,4})[ ./-]{1,2}\d{2,8}(?:[ .-]\d{2,5}){0,4}",
        plausible=lambda t: 9 <= len(t) <= 13,
    ),
    _form("a telephone number", r"\(\d{3}\) ?\d{3}-\d{4}|[2-9]\d{2}-[2-9]\d{2}-\d{4}"),
)

# For a quick first look (RE2: no look-around), what each text with one of these has in it: a sign of an address or of a
# country's number, nine digits with what may stand between them, or one of the forms that have letters.
_SUSPECTS = [
    r"@",
    r"\+\d",
    r"\d(?:[ .\/()+-]{0,3}\d){8}",
    r"[A-Za-z]-?\d{7}-?[A-Za-z]",
    r"\d{8}-?[A-Za-z]",
    r"[A-Za-z]{6}\d{2}",
    r"\d{6}[A-Z]\d{3}",
    r"\d{2} ?2[AB] ?\d{3}",
    r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
    r"[A-Za-z]{2}\d{2}(?: ?[0-9A-Za-z]{4}){2}",
]
SUSPECT = "|".join(_SUSPECTS)
