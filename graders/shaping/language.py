"""Language consistency: the share of a text's words that are in one language.

    share = words of the target language / all words          (DeepSeek-R1, arXiv 2501.12948, section 2.3.2)

Code, mathematics, LaTeX commands, tags, addresses, numbers and single letters are no words of any language and are left
out. A word is a run of letters; in Han and kana each character is one, in Thai, Lao, Khmer, Burmese and Tibetan every
four, since these are written without spaces.

Theory of operation. Script decides first, by counting: a Han character is no English word, whatever it says. Only where
several languages share the target's script is a detector asked (CLD2, the one of Chromium, loaded at the first such
text): for spans of a large window, and, where it sees more than the target there, sentence by sentence. What it cannot
name counts as the target: it has the right script, and the benefit of the doubt costs less than punishing a name, a
short line or a quotation. So a foreign sentence of a few words, in the same script and inside a paragraph of the target
language, may go unseen.

Not covered: transliteration (pinyin is Latin), and dialects of one language.
"""

import re
from bisect import bisect_right
from functools import cache, lru_cache
from typing import Any

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


_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_LATIN_WORD = _WORDS["Latin"]

# Each alternative begins with a character of its own and stops where it could begin anew, so that the search is one
# pass over any text.
_NOTATION = re.compile(
    r"\$(?:\$*+[^$]*+\$++|\$*+)"
    r"|\\(?:\((?:[^\\]|\\(?![()]))*+\\\)|\[(?:[^\\]|\\(?![\[\]]))*+\\\]"
    r"|begin\{[a-z]{1,16}\*?\}(?:[^\\]|\\(?!(?:begin|end)\{))*+\\end\{[a-z]{1,16}\*?\}|[A-Za-z]++|.)"
    r"|`(?:`*+[^`\n]*+`++|`*+)"
    r"|</?[A-Za-z][^<>\n]{0,60}+>"
)
_ADDRESS = re.compile(r"\b[a-z]{2,8}+://\S*+")
_FENCE = "```"
_PROSE_WORDS = 5


def prose(text: str) -> str:
    """A text without code, mathematics, LaTeX commands, tags and addresses: a space stands for each.

    A fence that is never closed leaves out all that follows. Dollars around five words in a row are no mathematics.
    """
    if _FENCE in text:
        text = _without_fences(text)
    if "://" in text:
        text = _ADDRESS.sub(" ", text)
    if "$" in text:
        return _NOTATION.sub(_unless_prose, text)
    if "\\" in text or "<" in text or "`" in text:
        return _NOTATION.sub(" ", text)
    return text


def _without_fences(text: str) -> str:
    kept, at = [], 0
    while (opened := text.find(_FENCE, at)) >= 0:
        kept.append(text[at:opened])
        closed = text.find(_FENCE, opened + len(_FENCE))
        if closed < 0:
            return " ".join(kept)
        at = closed + len(_FENCE)
    return " ".join([*kept, text[at:]])


def _unless_prose(match: re.Match[str]) -> str:
    found = match.group()
    if found[0] != "$" or len(found) < 4 * _PROSE_WORDS:
        return " "
    run = 0
    for word in found.replace("$", " ").split():
        run = run + 1 if len(word) > 1 and word.strip(".,;:!?").isalpha() else 0
        if run == _PROSE_WORDS:
            return found
    return " "


def _scripts(text: str) -> set[str]:
    """The scripts that a text has letters of; Latin always counts as there."""
    if text.isascii():
        return {"Latin"}
    return {"Latin"} | {_script_of(character) for character in set("".join(_NOT_ASCII.findall(text)))} - {""}


def _counts(text: str, scripts: set[str]) -> dict[str, int]:
    """Words by script."""
    counts = {script: _count(text, script) for script in sorted(scripts)}
    return {script: count for script, count in counts.items() if count}


def _count(text: str, script: str) -> int:
    if script == _OTHER:
        found = [
            character
            for character in _NOT_ASCII.findall(text)
            for character in character
            if _script_of(character) == _OTHER
        ]
    else:
        found = _WORDS[script].findall(text)
    each = _CHARACTERS_A_WORD.get(script)
    return len(found) if each is None else -(-sum(map(len, found)) // each)


def share(text: str, target: str) -> float:
    """The share of a text's words that are in a language.

    Args:
        text: any text, with its code and mathematics.
        target: one of LANGUAGES.

    Returns: in [0, 1]; 0 for a text without words.
    """
    return _share(prose(text), target)


def _share(text: str, target: str) -> float:
    scripts, present = _SCRIPTS_OF[target], _scripts(text)
    # The common case first: Latin letters alone, and the detector sees one language.
    if present == {"Latin"} and "Latin" in scripts:
        if _LATIN_WORD.search(text) is None:
            return 0.0
        foreign = _foreign(text, target, scripts)
        return 1.0 if not foreign else max(1 - foreign / _count(text, "Latin"), 0.0)
    counts = _counts(text, present)
    total = sum(counts.values())
    own = sum(counts.get(script, 0) for script in scripts)
    if not own:
        return 0.0
    if target == "zh":
        asked = "Kana" in counts  # Han is taken for Chinese unless there is kana about.
    elif target == "ja":
        asked = "Han" in counts
    else:
        asked = not _SHARED.isdisjoint(scripts)
    # Kana tells Japanese Han from Chinese, so it stays.
    foreign = _foreign(_only(text, ("Han", "Kana") if target == "zh" else scripts), target, scripts) if asked else 0
    return max(own - foreign, 0) / total


def _only(text: str, scripts: tuple[str, ...]) -> str:
    """A text with a space for each letter of another script, which was counted already and would mislead."""
    letters = set(text if "Latin" not in scripts else "".join(_NOT_ASCII.findall(text)))
    return text.translate({ord(letter): " " for letter in letters if (_script_of(letter) or scripts[0]) not in scripts})


def _foreign(text: str, target: str, scripts: tuple[str, ...]) -> int:
    """Words in the target's script that the detector says are of another language."""
    count = 0
    for window in _cut(text, WINDOW_CHARS):
        if target == "en" and window.isascii() and _plainly_english(window):
            continue
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


# Short words that only one side uses: what English prose has many of, and what prose without accents of other languages
# in Latin letters cannot do without.
_ENGLISH_TEXT = """the of and is that to we this with for have it as be by are from so which then not if there has on
    can now was get will you he first let each"""
_FOREIGN_TEXT = """
    le les des une est sont nous vous que qui dans avec sur pas cette ces donc alors aux du de la il elle
    el los las unos por con para del como entonces pero tenemos
    os uma com dos das isso temos ao pelo
    di che sono della delle gli nel quindi allora anche questo
    der das und ist wir von mit den dem nicht ein eine zu auf dann sich wird sind aus bei
    het een van wij niet dat voor zijn dus aan ook er op
    och att det som av till inte vi ett og til ikke har med ja ei ovat kun
    nie jest na jak oraz dla przez je jsou pak ako alebo su koji se za
    este sunt pe cu din az egy hogy nem ve bir bu ile olarak
    yang dan adalah dari untuk kita dengan itu ang mga ng sa ay
    ya wa kwa katika ons amb els eta ez da et un ir yra dhe kaj estas agus yn mae va uchun
    shi zhe suoyi yinwei wo ta"""
_ENGLISH = tuple(f" {word} " for word in _ENGLISH_TEXT.split())
_FOREIGN = frozenset(_FOREIGN_TEXT.split())
_STRETCH_CHARS = 400
_ENGLISH_MIN = 4


def _plainly_english(text: str) -> bool:
    """True where every stretch has several of English's short words and the text none of any other language's.

    It says no more than the detector would, in a fifth of its time.
    """
    if len(text) < _STRETCH_CHARS or not _FOREIGN.isdisjoint(text.lower().split()):
        return False
    count = len(text) // _STRETCH_CHARS
    size = -(-len(text) // count)
    for start in range(0, len(text), size):
        stretch = text[start : start + size]
        found = 0
        for word in _ENGLISH:
            if word in stretch:
                found += 1
                if found == _ENGLISH_MIN:
                    break
        else:
            return False
    return True


def _all_english(text: str) -> bool:
    """`_plainly_english`, window by window."""
    if not text.isascii():
        return False
    windows = _cut(text, WINDOW_CHARS)
    if len(windows) > 1 and len(windows[-1]) < _STRETCH_CHARS:
        windows[-2:] = [windows[-2] + windows[-1]]
    return all(map(_plainly_english, windows))


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
    if _all_english(text):
        return "en"
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
    if _all_english(text):
        return 1.0
    target = _language_of(text)
    return None if target is None else _share(text, target)
