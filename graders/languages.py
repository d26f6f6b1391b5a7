"""The language of a text, told as IFEval tells it: by langdetect, with a fixed seed and within bounds.

Beside graders.shaping.language, which measures shares of many languages by script and with a faster detector: here the
one label of the detector that a published measure is defined by is what counts. Its tables take some 55 MB, loaded from
the package at the first question and never from anywhere else.

Not covered: short texts and capitals, which it guesses at.
"""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from graders.math.names import names

CHARS_MAX = 20_000
"""Characters looked at; langdetect itself takes the first 10,000 that are no addresses."""

LANGUAGES = names(
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no pa pl pt"
    " ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh-cn zh-tw"
)
"""What it can tell."""


@cache
def _factory() -> Any:
    from langdetect import DetectorFactory  # Loaded by the first question, since few tasks ask.

    factory = DetectorFactory()
    profiles = files("langdetect") / "profiles"
    factory.load_json_profile([(profiles / name).read_text("utf-8") for name in sorted(LANGUAGES)])
    factory.set_seed(0)
    return factory


@lru_cache(maxsize=64)
def detect(text: str) -> str | None:
    """The language of a text, the same each time, or None where nothing in it tells one."""
    from langdetect import LangDetectException

    detector = _factory().create()
    try:
        detector.append(text[:CHARS_MAX])
        found = detector.detect()
    except LangDetectException:
        return None
    return found if found in LANGUAGES else None
