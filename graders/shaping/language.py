"""Language consistency: the share of a text's words that are in one language.

    share = words of the target language / all words          (DeepSeek-R1, arXiv 2501.12948, section 2.3.2)

Code, mathematics, LaTeX commands, tags, addresses, numbers and single letters are no words of any language and are left
out. A word is a run of letters; in Han and kana each character is one, in Thai, Lao, Khmer, Burmese and Tibetan every
four, since these are written without spaces.

Theory of operation. Script decides first, by counting: a Han character is no English word, whatever it says. Where
several languages share the target's script, a window of the text may be told by its short words (short_words.py).
Where that says nothing, a detector is asked (CLD2, the one of Chromium, loaded at the first such text): for spans of
the window, and, where it sees more than the target there, sentence by sentence. What it cannot name counts as the
target: it has the right script, and the benefit of the doubt costs less than punishing a name, a short line or a
quotation. So a foreign sentence of a few words, in the same script and inside a paragraph of the target language, may
go unseen.

Most texts are in one script and one language, so that is found first, in a few passes of C over all of the text (a
search for anything unexpected, a translation of bytes and a count); words are counted one by one only where the share
is not 1.

Not covered: transliteration (pinyin is Latin), and dialects of one language.
"""

import re
from bisect import bisect_right
from functools import cache, lru_cache
from typing import Any

from graders.shaping import short_words
from graders.shaping.notation import prose

WINDOW_CHARS = 8192
"""Characters that the detector sees at once."""

PIECE_CHARS = 1500
"""Characters of a piece, where a window is so repetitive that the detector names nothing in it."""

SENTENCE_CHARS_MIN = 12
"""Characters of a sentence below which the detector would guess; it counts as what is around it."""

PROMPT_CHARS_MAX = 4096
"""Characters of a prompt that its language is taken from."""

_UNSURE = "un"

# First and last code point of each script's letters and marks, without its digits and punctuation.
_RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "Latin": (
        (0x41, 0x5A),
        (0x61, 0x7A),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0xF8, 0x24F),
        (0x1E00, 0x1EFF),
        (0xFF21, 0xFF3A),
        (0xFF41, 0xFF5A),
    ),
    "Greek": ((0x370, 0x373), (0x376, 0x37D), (0x37F, 0x37F), (0x386, 0x3FF), (0x1F00, 0x1FFF)),
    "Cyrillic": ((0x400, 0x481), (0x483, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    "Armenian": ((0x531, 0x556), (0x561, 0x587)),
    "Hebrew": ((0x5B0, 0x5BD), (0x5C1, 0x5F2), (0xFB1D, 0xFB4F)),
    "Arabic": (
        (0x620, 0x65F),
        (0x66E, 0x6D3),
        (0x6D5, 0x6DC),
        (0x6EE, 0x6EF),
        (0x6FA, 0x6FF),
        (0x750, 0x77F),
        (0x8A0, 0x8FF),
        (0xFB50, 0xFDCF),
        (0xFDF0, 0xFDFB),
        (0xFE70, 0xFEFC),
    ),
    "Devanagari": ((0x900, 0x963), (0x971, 0x97F)),
    "Bengali": ((0x980, 0x9E3), (0x9F0, 0x9F1)),
    "Gurmukhi": ((0xA01, 0xA5E), (0xA70, 0xA75)),
    "Gujarati": ((0xA81, 0xAE3),),
    "Oriya": ((0xB01, 0xB63),),
    "Tamil": ((0xB82, 0xBD7),),
    "Telugu": ((0xC00, 0xC63),),
    "Kannada": ((0xC80, 0xCE3),),
    "Malayalam": ((0xD00, 0xD57), (0xD7A, 0xD7F)),
    "Sinhala": ((0xD81, 0xDDF),),
    "Thai": ((0xE01, 0xE3A), (0xE40, 0xE4E)),
    "Lao": ((0xE81, 0xECD), (0xEDC, 0xEDF)),
    "Tibetan": ((0xF00, 0xF00), (0xF40, 0xFBC)),
    "Burmese": ((0x1000, 0x103F), (0x1050, 0x108F)),
    "Georgian": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    "Ethiopic": ((0x1200, 0x135A),),
    "Khmer": ((0x1780, 0x17D3),),
    "Mongolian": ((0x1820, 0x18AA),),
    "Hangul": ((0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    "Kana": (
        (0x3041, 0x3096),
        (0x309D, 0x309F),
        (0x30A1, 0x30FA),
        (0x30FC, 0x30FF),
        (0x31F0, 0x31FF),
        (0xFF66, 0xFF9D),
    ),
    "Han": ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    # Letters that only mathematics uses: of no language.
    "": ((0xAA, 0xAA), (0xB5, 0xB5), (0xBA, 0xBA), (0x2B0, 0x36F), (0x2100, 0x214F), (0x1D400, 0x1D7FF)),
}
_OTHER = "Other"
_CHARACTERS_A_WORD = {"Han": 1, "Kana": 1, "Thai": 4, "Lao": 4, "Khmer": 4, "Burmese": 4, "Tibetan": 4, _OTHER: 4}

_LATIN = (
    "af az bs ca cs cy da de en eo es et eu fi fr ga gl hr hu id is it la lt lv ms mt nl no pl pt ro sk sl sq sv sw tl"
    " tr uz vi"
)
_SCRIPTS_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_LATIN.split(), ("Latin",)),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "uk"), ("Cyrillic",)),
    "sr": ("Cyrillic", "Latin"),
    **dict.fromkeys(("ar", "fa", "ps", "ur"), ("Arabic",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("Devanagari",)),
    "zh": ("Han",),
    "ja": ("Han", "Kana"),
    "ko": ("Hangul",),
    "el": ("Greek",),
    "hy": ("Armenian",),
    "he": ("Hebrew",),
    "bn": ("Bengali",),
    "pa": ("Gurmukhi",),
    "gu": ("Gujarati",),
    "or": ("Oriya",),
    "ta": ("Tamil",),
    "te": ("Telugu",),
    "kn": ("Kannada",),
    "ml": ("Malayalam",),
    "si": ("Sinhala",),
    "th": ("Thai",),
    "lo": ("Lao",),
    "bo": ("Tibetan",),
    "my": ("Burmese",),
    "ka": ("Georgian",),
    "am": ("Ethiopic",),
    "km": ("Khmer",),
}
LANGUAGES: tuple[str, ...] = tuple(sorted(_SCRIPTS_OF))
"""The languages that can be a target, by their ISO 639-1 codes."""

_SHARED = frozenset({"Latin", "Cyrillic", "Arabic", "Devanagari", "Bengali", "Han", "Kana"})
_ALONE = {scripts[0]: code for code, scripts in _SCRIPTS_OF.items() if len(scripts) == 1 and scripts[0] not in _SHARED}

# What the detector calls a language, where that is not our code; and what it cannot well tell apart.
_CODES = {
    "iw": "he",
    "zh-Hant": "zh",
    "nb": "no",
    "nn": "no",
    "sr-ME": "sr",
    "jw": "id",
    "jv": "id",
    "su": "id",
    "gv": "ga",
    "gd": "ga",
    "sco": "en",
    "fil": "tl",
}
_ALIKE = ({"id", "ms"}, {"hr", "bs", "sr", "sl"}, {"no", "da"}, {"hi", "mr", "ne"})


def _class_of(script: str) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES[script])


# Of scripts with spaces a word is two letters at least, not part of an identifier or a number.
_WORDS = {
    script: re.compile(
        f"[{_class_of(script)}]++"
        if script in _CHARACTERS_A_WORD
        else f"(?<![0-9_{_class_of(script)}])[{_class_of(script)}]{{2,}}+(?![0-9_])"
    )
    for script in _RANGES
    if script
}
_BOUNDS = sorted((first, last, script) for script, ranges in _RANGES.items() for first, last in ranges)
_STARTS = [first for first, _, _ in _BOUNDS]


@lru_cache(maxsize=65_536)
def _script_of(character: str) -> str:
    """The script of a letter; "" for what is none, or none of a language."""
    point = ord(character)
    first, last, script = _BOUNDS[max(bisect_right(_STARTS, point) - 1, 0)]
    if first <= point <= last:
        return script
    return _OTHER if character.isalpha() else ""


_ASCII = bytes(range(128))

# What is of no script: punctuation, symbols, signs of mathematics. Not all of it, but what prose is full of; and no
# character that is not seen, since it could stand between the letters of a word.
_NEUTRAL = (
    "\x00-@\\[-`{-\x7f\xa0-\xac\xae-\xbf×÷\u060c\u061b\u061f\u0660-\u066d\u06d4\u2000-\u200a\u2010-\u2029\u202f-\u205f\u2070\u2074-\u207e\u2080-\u208e"
    "\u20a0-\u20c0\u2100-\u214f\u2190-\u23ff\u2500-\u27bf\u2900-\u2bff\u3000-\u3004\u3008-\u3020\uff01-\uff20\uff3b-\uff40\uff5b-\uff65"
)


@cache
def _unexpected(target: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What is neither neutral, nor an ASCII letter, nor a letter that a text in the language is expected to have.

    And the same but for single Greek letters, which are variables: two make a word.
    """
    own = short_words.LETTERS.get(target)
    if own is None:
        own = "".join(map(_class_of, _SCRIPTS_OF[target]))
    expected, greek = f"A-Za-z{_NEUTRAL}{own}", _class_of("Greek")
    return re.compile(f"[^{expected}]"), re.compile(f"[^{expected}{greek}]|[{greek}]{{2}}")


def _as_expected(text: str, target: str) -> bool:
    """Whether a text has nothing unexpected in it."""
    if text.isascii():
        return True
    anything, more = _unexpected(target)
    # Latin letters are mostly ASCII, so that little is left to look at.
    found = anything.search(_beyond_ascii(text) if "Latin" in _SCRIPTS_OF[target] else text)
    return found is None or (_script_of(found.group()) == "Greek" and more.search(text) is None)


def _scripts(text: str) -> set[str]:
    """The scripts that a text has letters of; Latin always counts as there."""
    if text.isascii():
        return {"Latin"}
    return {"Latin"} | {_script_of(character) for character in set(_beyond_ascii(text))} - {""}


def _beyond_ascii(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def _counts(text: str, scripts: set[str]) -> dict[str, int]:
    """Words by script."""
    counts = {script: _count(text, script) for script in sorted(scripts)}
    return {script: count for script, count in counts.items() if count}


def _count(text: str, script: str) -> int:
    if script in _ENCODED and (text.isascii() or _NOT_ENCODED[script].search(text) is None):
        return _count_encoded(text, script)
    if script == _OTHER:
        found = [character for character in text if _script_of(character) == _OTHER]
    else:
        found = _WORDS[script].findall(text)
    each = _CHARACTERS_A_WORD.get(script)
    return len(found) if each is None else -(-sum(map(len, found)) // each)


# An encoding of one byte a character that has the letters which a script's texts are nearly always made of.
_ENCODED = {"Latin": "ascii", "Cyrillic": "cp1251"}
_LETTER, _JOINED, _GAP = b"a", b"0", b" "


def _table(script: str) -> bytes:
    """From a byte of the script's encoding to a letter, what joins letters to an identifier or a number, or a gap."""
    word, encoding = re.compile(f"[{_class_of(script)}]"), _ENCODED[script]
    kinds = []
    for code in range(256):
        character = bytes([code]).decode(encoding, "replace")
        kinds.append(_LETTER if word.match(character) else _JOINED if character in "_0123456789" else _GAP)
    return b"".join(kinds)


def _not_encoded(script: str) -> re.Pattern[str]:
    """The script's letters that its encoding does not have."""
    letters = "".join(chr(code) for first, last in _RANGES[script] for code in range(first, last + 1))
    kept = letters.encode(_ENCODED[script], "ignore").decode(_ENCODED[script])
    return re.compile(f"[{''.join(sorted(set(letters) - set(kept)))}]")


_TABLES = {script: _table(script) for script in _ENCODED}
_NOT_ENCODED = {script: _not_encoded(script) for script in _ENCODED}
_JOINS_MAX = 64


def _count_encoded(text: str, script: str) -> int:
    """`_count` of a script with spaces in a text that its encoding has all letters of."""
    kinds = _GAP + text.encode(_ENCODED[script], "replace").translate(_TABLES[script])
    if 2 * _LETTER not in kinds:
        return 0
    count = kinds.count(_GAP + 2 * _LETTER)
    # Less those that go on as an identifier: no word.
    joined = _LETTER + _JOINED
    if kinds.count(joined) > _JOINS_MAX:
        return len(_RUN.findall(kinds))
    at, last = kinds.find(joined), -1
    while at >= 0:
        start = kinds.rfind(_GAP, 0, at)
        count -= start != last and kinds.startswith(2 * _LETTER, start + 1)
        last, at = start, kinds.find(joined, at + 1)
    return count


_RUN = re.compile(rb" aa++(?![0])")


def share(text: str, target: str) -> float:
    """The share of a text's words that are in a language.

    Args:
        text: any text, with its code and mathematics.
        target: one of LANGUAGES.

    Returns: in [0, 1]; 0 for a text without words.
    """
    return _share(prose(text), target)


def _share(text: str, target: str) -> float:
    scripts, expected = _SCRIPTS_OF[target], _as_expected(text, target)
    mixed = 0
    if not expected or "Cyrillic" in scripts:
        text, mixed = _unmixed(text)
    if not any(_WORDS[script].search(text) for script in scripts):
        return 0.0
    others = _others(text, target, expected)
    if target == "zh":
        asked = "Kana" in others  # Han is taken for Chinese unless there is kana about.
    elif target == "ja":
        asked = _WORDS["Han"].search(text) is not None
    else:
        asked = not _SHARED.isdisjoint(scripts)
    foreign = _foreign(text, target) if asked else 0
    if not foreign and not others and not mixed:
        return 1.0
    own = sum(_count(text, script) for script in scripts)
    return max(own - foreign, 0) / (own + sum(others.values()) + mixed)


def _others(text: str, target: str, expected: bool) -> dict[str, int]:
    """Words by script, but for those in one of the target's."""
    scripts = _SCRIPTS_OF[target]
    if not expected:
        return _counts(text, _scripts(text).difference(scripts))
    # All its letters beyond ASCII are of the target's scripts.
    count = 0 if "Latin" in scripts else _count_encoded(text, "Latin")
    return {"Latin": count} if count else {}


def _unmixed(text: str) -> tuple[str, int]:
    """A text without the words that have both Latin and Cyrillic letters, which look alike, and how many there were."""
    kinds = text.encode("cp1251", "replace").translate(_MIXING)
    if b"lc" not in kinds and b"cl" not in kinds:
        return text, 0
    count = 0

    def kept(match: re.Match[str]) -> str:
        nonlocal count
        word = match.group()
        if len({_script_of(character) for character in word}) == 1:
            return word
        count += 1
        return " "

    return _LATIN_OR_CYRILLIC.sub(kept, text), count


_LATIN_OR_CYRILLIC = re.compile(f"[{_class_of('Latin')}{_class_of('Cyrillic')}]++")
_MIXING = bytes.maketrans(
    bytes(range(256)),
    bytes(
        ord("l" if byte < 128 and chr(byte).isalpha() else "c" if byte >= 128 and kind == _LETTER[0] else " ")
        for byte, kind in enumerate(_TABLES["Cyrillic"])
    ),
)


def _only(text: str, scripts: tuple[str, ...]) -> str:
    """A text with a space for each letter of another script, which was counted already and would mislead."""
    if "Latin" in scripts:
        letters = set(_beyond_ascii(text))
    else:
        text = _ASCII_LETTERS.sub(" ", text)
        letters = set(text)
    strange = {letter for letter in letters if (_script_of(letter) or scripts[0]) not in scripts}
    return text.translate({ord(letter): " " for letter in strange}) if strange else text


_ASCII_LETTERS = re.compile("[A-Za-z]")


def _foreign(text: str, target: str) -> int:
    """Words in the target's script that the detector says are of another language."""
    scripts, count = _SCRIPTS_OF[target], 0
    # Kana tells Japanese Han from Chinese, so it stays.
    kept = ("Han", "Kana") if target == "zh" else scripts
    for window in _windows(text):
        if _plainly(window, target):
            continue
        window = _only(window, kept)
        spans = _spans(window)
        if len(window) > PIECE_CHARS and any(code == _UNSURE for _, code in spans):
            spans = [span for piece in _cut(window, PIECE_CHARS) for span in _spans(piece)]
        # English writes without accents: where there are some, something else may hide; so it may in Han beside kana.
        clean = "Han" not in scripts and (target != "en" or window.isascii() or not _ACCENTED.search(window))
        if clean and all(_same(code, target) for _, code in spans):
            continue
        for said, around in spans:
            for sentence in _SENTENCE.findall(said):
                code = _main(sentence) if len(sentence) >= SENTENCE_CHARS_MIN else _UNSURE
                code = around if code == _UNSURE else code
                if not _same(code, target):
                    count += sum(_count(sentence, script) for script in scripts)
    return count


_ACCENTED = re.compile("[À-ÖØ-öø-ɏḀ-ỿ]")
_SENTENCE = re.compile(r"[^.!?\n。！？；]*+[.!?\n。！？；]++|[^.!?\n。！？；]++")


def _plainly(window: str, target: str) -> bool:
    """Whether short words tell that all of a window in the target's script is in the target."""
    return target in short_words.CODES and short_words.plainly(window, target) and _as_expected(window, target)


def _told(text: str) -> str | None:
    """The language that short words tell a whole text to be in."""
    if len(text) < short_words.CHARS_MIN:
        return None
    windows = _windows(text)
    code = short_words.likeliest(windows[0])
    return code if all(_plainly(window, code) for window in windows) and _is_most(text, code) else None


def _is_most(text: str, code: str) -> bool:
    """Whether a text of expected letters has most of its words in the language's script."""
    script = _SCRIPTS_OF[code][0]
    if script == "Latin":
        return True
    latin = _count_encoded(text, "Latin")
    return not latin or _count(text, script) > latin


def _windows(text: str) -> list[str]:
    """A text cut to what is judged at once; no window but a whole text is too short for short words."""
    windows = _cut(text, WINDOW_CHARS)
    if len(windows) > 1 and len(windows[-1]) < short_words.STRETCH_CHARS:
        windows[-2:] = [windows[-2] + windows[-1]]
    return windows


def _same(code: str, target: str) -> bool:
    """True unless a language is another one in one of the target's scripts; other scripts were counted as such."""
    if code in (_UNSURE, target) or any(code in alike and target in alike for alike in _ALIKE):
        return True
    # A rare language that nobody can ask for is what the detector makes of names.
    return code not in _SCRIPTS_OF or set(_SCRIPTS_OF[code]).isdisjoint(_SCRIPTS_OF[target])


def _cut(text: str, size: int) -> list[str]:
    """Pieces of about a size, cut at a space where there is one."""
    if len(text) <= size:
        return [text]
    pieces, start = [], 0
    while len(text) - start > size:
        at = text.rfind(" ", start + size // 2, start + size)
        end = start + size if at < 0 else at
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return pieces


@cache
def _detector() -> Any:
    import pycld2

    return pycld2


# The detector refuses control characters, surrogates and what is no character.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def _detect(text: str) -> tuple[str, list[tuple[int, int, str, str]], bytes]:
    """The language of most of a text, if that is sure; its spans in bytes; and the bytes."""
    cld2 = _detector()
    data = text.encode("utf-8", "replace")
    for _ in range(2):
        try:
            sure, _, languages, spans = cld2.detect(data, isPlainText=True, returnVectors=True, bestEffort=True)
        except cld2.error:
            plain = "".join(" " if ord(c) & 0xFFFE == 0xFFFE else c for c in _REFUSED.sub(" ", text))
            data = plain.encode("utf-8", "replace")
        else:
            return (languages[0][1] if sure else _UNSURE), spans, data
    return _UNSURE, [(0, len(data), "", _UNSURE)], data


def _spans(text: str) -> list[tuple[str, str]]:
    """A text cut where the detector sees the language change, each piece with its language."""
    main, spans, data = _detect(text)
    if len(spans) == 1:
        code = main if spans[0][3] == _UNSURE else spans[0][3]  # A short text may have a language, though no span has.
        return [(text, _CODES.get(code, code))]
    return [
        (data[start : start + size].decode("utf-8", "replace"), _CODES.get(code, code))
        for start, size, _, code in spans
    ]


def _main(text: str) -> str:
    """The language of most of a text."""
    code, _, _ = _detect(text)
    return _CODES.get(code, code)


def language_of(text: str) -> str | None:
    """The language that most of a text's words are in; None where there are none, or it is none of LANGUAGES."""
    return _language_of(prose(text))


def _language_of(text: str) -> str | None:
    return _told(text) or _detected(text)


def _detected(text: str) -> str | None:
    """The language of most of a text by script, and by the detector where languages share it."""
    if not text.isascii() and _as_expected(text, "zh") and _WORDS["Han"].search(text) and _is_most(text, "zh"):
        return "zh"
    counts = _counts(text, _scripts(text))
    if not counts:
        return None
    script = max(counts, key=lambda name: counts[name])
    if script in _ALONE:
        return _ALONE[script]
    if "Kana" in counts and script in {"Han", "Kana"}:
        return "ja"
    if script == "Han":
        return "zh"
    for piece in _cut(text, PIECE_CHARS):
        code = _main(piece)
        if script in _SCRIPTS_OF.get(code, ()):
            return code
    return None


@lru_cache(maxsize=64)
def of_prompt(prompt: str) -> str | None:
    """`language_of` the beginning of a prompt; a group's completions share their prompt, so it is found once."""
    return language_of(prompt[:PROMPT_CHARS_MAX])


def consistency(text: str, target: str | None) -> float:
    """`share` of the target, or, with None, of the text's own main language; 0 for a text without words."""
    if target is not None:
        return share(text, target)
    return own_share(text) or 0.0


def own_share(text: str) -> float | None:
    """The share of words that are in the language most of the text is in; None where there is none to be told."""
    text = prose(text)
    target = _told(text)
    if target is not None and "Latin" in _SCRIPTS_OF[target]:
        return 1.0  # Letters of other scripts would have been unexpected.
    target = target or _detected(text)
    return None if target is None else _share(text, target)
