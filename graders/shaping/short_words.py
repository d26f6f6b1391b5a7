"""Which language a text is in, as its short words tell: where they are plain enough, nobody else need be asked.

Prose of a language is full of a few dozen words that no other has all of ("the", "of", "and"; "und", "ist", "nicht"),
and hardly gets on without. A text is plainly in a language when each stretch of some sixty words has several of the
language's own, and the whole has none that tells of another one. It says no more than a detector would, in a tenth of
its time, and of half the texts it says nothing at all. Not covered: the letters, which `language` looks at (LETTERS).
"""

from functools import cache
from typing import Any

import re2

STRETCH_CHARS = 400
CHARS_MIN = 160
"""A text of fewer characters is left to others; a shorter one than a stretch is one stretch."""
OWN_MIN = 5
"""Different words of its own in each stretch."""

# The most frequent first, since they are looked for in this order. Of one letter only where no variable has that name.
_OWN_TEXT = {
    "en": """the of and is that to we this with for have it as be by are from so which then not if there has on can now
        was get will you he first let each""",
    "fr": """de la le les et des en est que un une du qui dans nous il pour par sur on pas au plus donc se avec ce ne si
        ou alors cette sont elle comme mais aux ces car vous""",
    "es": """de la que en el los se un una las por con del para es no al lo como su más si entonces pero son este esta
        unos cada sus ya tenemos""",
    "pt": """de que em do da para um uma os se com não dos na no as por mais ao aos como das mas isso são então seu sua
        temos pelo ou""",
    "it": """di che il la in un per una del con non si da le al della sono dei come gli nel alla più ma se quindi delle
        allora anche questo abbiamo""",
    "de": """der die und in das ist von den mit zu wir des dem nicht sich auf ein eine für als auch es wird dann im aus
        an sind so wenn bei nach werden also oder durch einen daher noch hat man""",
    "nl": """de van het een en in is dat te op we zijn die voor met als wij niet dus aan of er om ook bij dan naar wordt
        kan door maar nog""",
    "ru": """и в не на что это с по как из то а мы к для его от у за или если так но он был они все при до же о её
        было их будет тогда можно также который которые она этого нужно только уже где значит поэтому получаем чтобы""",
    "uk": """і в у що на не та до з як за це для ми від його про є він але або ж по якщо був було були вона які який
        тоді також може можна де отже тому після під час із""",
    "ar": """في من على أن إلى ما التي هذا هذه مع عن كان لا أو قد بعد كانت كل بين الذي هو هي لم إذا ثم ذلك نحن حيث عند
        كما أي إن إنه يمكن لأن وقد خلال غير لدينا عدد""",
}
_OWN = {code: tuple(words.split()) for code, words in _OWN_TEXT.items()}
CODES: tuple[str, ...] = tuple(_OWN)
"""The languages that are told so."""

# Words that a language uses besides, though they are among those that tell of another one.
_ALSO = {
    "en": """also an as at car come da det die do door el et hat in la las los man me met no non pas per plus son te
        til till un van von""",
    "fr": "an da des je la ma met non or sa son sur te tu va",
    "es": "ai da dos estas ha has he ir le me no os sur te va van vi",
    "pt": "cada esta estas este ir la le lo me nem no per te vi",
    "it": "ai da do ha lo me ne non qui sa sei so sua su te ti va vi",
    "de": "am an da das des er ja nie so um war was wo",
    "nl": "al den der ja je kun na ons per som was werden",
    "uk": "а все його при так то тут",
}

# Of languages that are not told so, and of Chinese in Latin letters: no word that English uses.
_OTHERS_TEXT = """
    och att det som av till inte vi ett og til ikke har med ja ei ovat kun oli hän että joka myös sen mutta kuin
    nie jest na jak oraz dla przez je jsou pak ako alebo su koji se za
    este sunt pe cu din az egy hogy nem ve bir bu ile olarak
    yang dan adalah dari untuk kita dengan itu pada dalam ini tidak oleh juga ang mga ng sa ay
    ya wa kwa katika ons amb els eta ez da et un ir yra dhe kaj estas agus yn mae va uchun
    shi zhe suoyi yinwei wo ta os isso aos wij delle

    се са това като които със че ще няма един през след беше му си която каза гэта што каб або және үшін
    در از که این را است برای آن کی ہے نے
"""
_OTHERS = frozenset(_OTHERS_TEXT.split())

LETTERS: dict[str, str] = {
    "en": "",
    "fr": "àâæçèéêëîïôùûüÿœÀÂÆÇÈÉÊËÎÏÔÙÛÜŸŒ",
    "es": "áéíñóúüÁÉÍÑÓÚÜ",
    "pt": "àáâãçéêíóôõúÀÁÂÃÇÉÊÍÓÔÕÚ",
    "it": "àèéìíîòóùúÀÈÉÌÍÎÒÓÙÚ",
    "de": "äöüßÄÖÜẞ",
    "nl": "éèëïöüóáíÉÈËÏÖÜÓÁÍ",
    "ru": "А-яЁё",
    "uk": "А-ЩЬЮЯа-щьюяҐґЄєІіЇї",
    "ar": "\u0621-\u063a\u0640-\u0652",
}
"""Its letters beyond ASCII, as a class of a regular expression; any other one tells of something else."""

# What a language never writes, though it has the letters: a hard sign before a consonant is Bulgarian.
_NEVER = {"ru": "ъ[бвгджзйклмнпрстфхцчшщ]"}

_VARIABLES = "abcdefghijklmnopqrstuvwxyz"

# What a word ends at: not an apostrophe before it.
_EDGE = r"[\x00-&(-@\[-`{-\x7f«»„“”…—–،؛؟]"


@cache
def _others(code: str) -> Any:
    """Words that tell of another language than this one, as one search over UTF-8."""
    words = {word for other, own in _OWN.items() if other != code for word in own} | _OTHERS
    words -= {*_OWN[code], *_ALSO.get(code, "").split(), *_VARIABLES}
    pattern = f"(?i)(?:^|{_EDGE})['’]?(?:{'|'.join(sorted(words))})(?:{_EDGE}|['’]|$)"
    if code in _NEVER:
        pattern += f"|{_NEVER[code]}"
    return re2.compile(pattern.encode())


@cache
def _own(code: str) -> tuple[str, ...]:
    return tuple(f" {word} " for word in _OWN[code])


@cache
def _own_words(code: str) -> frozenset[str]:
    return frozenset(_OWN[code])


def likeliest(text: str) -> str:
    """The one of CODES that the beginning of a text has most words of; which need not be its language."""
    words = set(text[:STRETCH_CHARS].lower().split())
    return max(CODES, key=lambda code: len(words & _own_words(code)))


def plainly(text: str, code: str) -> bool:
    """Whether a text is plainly in a language.

    Args:
        text: a window of prose.
        code: one of CODES.

    Returns: False also where that cannot be said.
    """
    if len(text) < CHARS_MIN:
        return False
    own = _own(code)
    size = -(-len(text) // max(len(text) // STRETCH_CHARS, 1))
    for start in range(0, len(text), size):
        stretch = text[start : start + size]
        found = 0
        for word in own:
            if word in stretch:
                found += 1
                if found == OWN_MIN:
                    break
        else:
            return False
    return _others(code).search(text.encode("utf-8", "replace")) is None
