"""Names that look alike are one name to a person, so they are one name to a guard."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
# What nobody sees although Unicode does not count it among the above: joiners, fillers, variants, a braille blank.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
# Letters of other scripts that cannot be told from Latin ones (Unicode TR 39, those that English level names meet).
_TWINS = str.maketrans("аеорсухіјѕԁһոѵԛԝαοντικρυı", "aeopcyxijsdhnvqwaovtikpui")
# Letters whose shape is a Latin letter's, of the same or the other case: Greek, Cyrillic, Armenian, small capitals,
# Lisu, Cherokee. Their own other case may look like another letter, so that these are no twins of each other.
_SHAPES = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹβκχϲηγμσω"
    "АВЕКМНОРСТУХІЈЅԌԚԜҮвгкмнтү"
    "օոսհցգզյɑɡɩ"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"
    "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ"
    "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏚᎢᏙᎳᏃᏧ",
    "abezhikmnoptyxcbkxcnyuow"
    "abekmhopctyxijsgqwybrkmhty"
    "onuhgqqjagi"
    "abcdefghijklmnoprstuvwyz"
    "abcdefghijklmnoprstuvwxyz"
    "abcdeghjklmpstvwzd",
)


def folded(name: str) -> str:
    """What a person reads: compatibility forms and case are folded, spaces and invisible characters are gone."""
    seen = _BLANK.sub("", unicodedata.normalize("NFKD", name)).casefold()
    kept = "".join(c for c in seen if unicodedata.category(c) not in _INVISIBLE and not unicodedata.combining(c))
    return kept.translate(_TWINS)


def readings(name: str) -> set[str]:
    """What a person may read: the name folded, and folded by the shape of its letters."""
    return {folded(name), folded(unicodedata.normalize("NFKD", name).translate(_SHAPES))}


def governed(alias: str, levels: Iterable[str]) -> str | None:
    """The level whose name the alias is, or looks like; None for an alias that is nobody's concern."""
    seen = readings(alias)
    return next((level for level in levels if folded(level) in seen), None)
