"""Language consistency: whose words they are, by script first and by the detector where scripts are shared."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.shaping.language import LANGUAGES, consistency, language_of, of_prompt, prose, share

ENGLISH = "First we add the two numbers together, and then we divide the sum by three to get the average."
FRENCH = "D'abord nous ajoutons les deux nombres, puis nous divisons la somme par trois pour obtenir la moyenne."
GERMAN = "Zuerst addieren wir die beiden Zahlen, und dann teilen wir die Summe durch drei, um den Mittelwert zu finden."
SPANISH = "Primero sumamos los dos números y después dividimos la suma entre tres para obtener el promedio."
RUSSIAN = "Сначала мы складываем два числа, а затем делим сумму на три, чтобы получить среднее значение."
UKRAINIAN = "Спочатку ми додаємо два числа, а потім ділимо суму на три, щоб отримати середнє значення."
CHINESE = "我们先把两个数加起来，然后把总和除以三，就得到了平均值。"
JAPANESE = "まず二つの数を足してから、合計を三で割ると平均が得られます。"
KOREAN = "먼저 두 수를 더한 다음 합을 셋으로 나누면 평균이 나옵니다."
ARABIC = "أولا نجمع العددين معا ثم نقسم المجموع على ثلاثة للحصول على المتوسط."
HINDI = "पहले हम दोनों संख्याओं को जोड़ते हैं और फिर योग को तीन से विभाजित करते हैं।"
THAI = "ก่อนอื่นเราบวกเลขสองจำนวนเข้าด้วยกัน แล้วหารผลรวมด้วยสามเพื่อหาค่าเฉลี่ย"
GREEK = "Πρώτα προσθέτουμε τους δύο αριθμούς και μετά διαιρούμε το άθροισμα με το τρία."
HEBREW = "קודם נחבר את שני המספרים ואחר כך נחלק את הסכום בשלוש כדי לקבל את הממוצע."

TEXTS = {
    "en": ENGLISH,
    "fr": FRENCH,
    "de": GERMAN,
    "es": SPANISH,
    "ru": RUSSIAN,
    "uk": UKRAINIAN,
    "zh": CHINESE,
    "ja": JAPANESE,
    "ko": KOREAN,
    "ar": ARABIC,
    "hi": HINDI,
    "th": THAI,
    "el": GREEK,
    "he": HEBREW,
}


@pytest.mark.parametrize("target", TEXTS)
@pytest.mark.parametrize("written", TEXTS)
def test_a_text_is_all_in_its_own_language_and_not_in_another(written: str, target: str) -> None:
    """1 for the text's own language, 0 for every other, whether or not they share a script."""
    found = share(TEXTS[written], target)
    if written == target:
        assert found == 1.0
    elif {written, target} == {"zh", "ja"}:
        assert found < 0.6  # Chinese in a Japanese text, or the other way round, is seen by its kana.
    else:
        assert found == 0.0


@pytest.mark.parametrize("written", TEXTS)
def test_a_text_tells_its_language(written: str) -> None:
    """As a prompt's language is found."""
    assert language_of(TEXTS[written]) == written
    assert of_prompt(f"{TEXTS[written]} $x^2$") == written


@pytest.mark.parametrize("other", [code for code in TEXTS if code != "en"])
def test_a_mixed_text_is_in_between(other: str) -> None:
    """Half of it in another language costs about half; a word of each weighs the same, R1's formula."""
    found = share(f"{ENGLISH}\n\n{TEXTS[other]}\n\n{ENGLISH}\n\n{TEXTS[other]}", "en")
    assert 0.3 < found < 0.75


def test_the_share_is_words_over_words() -> None:
    """Six English words beside four Han characters: 6/10."""
    assert share("we know that the sum is 我们知道", "en") == pytest.approx(6 / 10)
    assert share("we know that the sum is 我们知道", "zh") == pytest.approx(4 / 10)
    assert share("we know that the sum is знаем сумму", "en") == pytest.approx(6 / 8)


@pytest.mark.parametrize(
    "notation",
    [
        "$x = \\frac{\\text{distance}}{\\text{time}}$",
        "$$\\alpha\\beta\\gamma$$",
        "\\[ \\sum_{k=1}^{n} k = \\frac{n(n+1)}{2} \\]",
        "\\( \\sin\\theta \\)",
        "\\begin{align*} foo &= bar \\end{align*}",
        "`plus_grand(nombres)`",
        "```python\ndef plus_grand(nombres):\n    return max(nombres)\n```",
        "<think>",
        "https://exemple.fr/les/nombres",
        "\\boxed{42}",
        "2πr² ≈ 12,5 × ℝ",
    ],
)
def test_code_and_mathematics_are_no_words_of_any_language(notation: str) -> None:
    """They change nothing, and alone they are nothing."""
    assert share(notation, "fr") == share(notation, "zh") == 0.0
    for code in ("en", "zh", "ru"):
        assert share(f"{TEXTS[code]} {notation} {TEXTS[code]}", code) == 1.0


def test_dollars_of_money_hide_no_prose() -> None:
    """What stands between two prices is text; else two dollar signs would be a place to hide."""
    assert share(f"It costs $5. {FRENCH} It costs $6.", "en") < 0.6
    assert "nous ajoutons les deux" in prose(f"${FRENCH}$")


def test_an_unclosed_fence_is_no_refuge() -> None:
    """All that follows is left out, and a text without words is worth nothing."""
    assert share(f"```\n{CHINESE}", "en") == 0.0
    assert share(f"```\n{ENGLISH}", "en") == 0.0


@pytest.mark.parametrize("text", ["", "   \n", "1 + 1 = 2", "x", "...", "$x$"])
def test_no_words_are_worth_nothing(text: str) -> None:
    """0 of 0 is no refuge."""
    assert share(text, "en") == 0.0
    assert language_of(text) is None
    assert consistency(text, None) == 0.0


def test_names_and_short_lines_have_the_benefit_of_the_doubt() -> None:
    """What the detector cannot name has the right script."""
    assert share("Amber, Micah and Ahito ran 52 miles.", "en") == 1.0
    assert share("Let r be the radius of Topher’s café; then πr² is its area.", "en") == 1.0


def test_without_a_target_a_text_is_held_to_its_own_main_language() -> None:
    """Mixing is what costs."""
    assert consistency(ENGLISH, None) == 1.0
    assert consistency(CHINESE, None) == 1.0
    assert consistency(f"{ENGLISH} {ENGLISH}\n{RUSSIAN}", None) == pytest.approx(38 / 53, abs=0.05)


def test_a_repetitive_text_is_still_told() -> None:
    """The detector names nothing in long repetitions; they are cut until it does."""
    assert share("Bonjour tout le monde, nous allons calculer. " * 500, "en") == 0.0
    assert share("Hello everybody, we are going to compute this. " * 500, "en") == 1.0


PIECES = [
    *(
        "$",
        "$$",
        "\\[",
        "\\]",
        "\\(",
        "`",
        "```",
        "```a\n",
        "<a",
        "<",
        "\\begin{a}",
        "\\",
        "a",
        "ab ",
        "é",
        "我",
        "我a ",
    ),
    *("a://", "ab. ", "\x00", "\ud800", "\ufffe", "词。", "かな", "x_1 ", "the answer is ", "la réponse est. "),
]


@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_takes_linear_time(piece: str) -> None:
    """Whatever it is made of; a quadratic search would take minutes."""
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    assert 0.0 <= share(text, "en") <= 1.0
    assert time.process_time() - started < 10


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.sampled_from([*PIECES, *TEXTS.values()]), st.text(max_size=20)), max_size=20).map("".join),
    st.sampled_from(LANGUAGES),
)
def test_any_text_has_a_share_between_0_and_1(text: str, target: str) -> None:
    """In any of the languages; and its own main language is one of them or none."""
    assert 0.0 <= share(text, target) <= 1.0
    assert language_of(text) in (None, *LANGUAGES)
