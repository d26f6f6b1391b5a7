"""A language told by its short words: quick where a text is plain, and never a way around the detector."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.shaping import language, short_words
from graders.shaping.language import consistency, language_of, share

# A paragraph each: longer than a stretch, so that short words are asked before the detector.
PARAGRAPHS = {
    "en": """First we look for how many apples are left in the basket once the children have taken theirs. If each of
        them costs two coins, then the basket is worth twice as much as that, which is not so little. Now we compare it
        with the second basket, that holds a third of what was in this one before. The question is for the difference,
        and not for the sum of the two amounts, so we can now say what it is and let you check it.""",
    "fr": """Nous cherchons d'abord combien de pommes il reste dans le panier une fois que les enfants ont pris les
        leurs. Si chacune vaut deux pièces, le panier entier vaut donc le double de cela, ce qui est beaucoup. Nous
        comparons avec le second panier, qui contient un tiers de ce que contenait le premier. La question porte sur la
        différence et non sur la somme des deux quantités, et nous pouvons alors la donner pour que vous la voyiez.""",
    "es": """Primero buscamos cuántas manzanas quedan en la cesta después de que los niños han tomado las suyas. Si
        cada una cuesta dos monedas, la cesta entera vale el doble de eso, lo que no es poco para un niño. Ahora la
        comparamos con la segunda, que contiene un tercio de lo que había en la primera. La pregunta es por la
        diferencia y no por la suma de las dos cantidades, y entonces ya tenemos todo para poder darla con su signo.""",
    "pt": """Primeiro procuramos quantas maçãs ficam no cesto depois de as crianças levarem as suas. Se cada uma custa
        duas moedas, o cesto inteiro vale o dobro disso, o que não é pouco para uma criança. Agora comparamos com o
        segundo cesto, que contém um terço do que havia no primeiro. A pergunta é pela diferença e não pela soma das
        duas quantidades, e então temos tudo o que é preciso para a dar com o seu sinal, mas sem mais contas.""",
    "it": """Prima cerchiamo quante mele sono rimaste nel cesto dopo che i bambini hanno preso le loro. Se ognuna costa
        due monete, il cesto intero vale il doppio di questo, che non è poco per un bambino. Ora lo confrontiamo con il
        secondo cesto, che contiene un terzo di quello che era nel primo. La domanda è sulla differenza e non sulla
        somma delle due quantità, e quindi abbiamo tutto per poterla dare con il segno, come si deve, alla fine.""",
    "de": """Zuerst suchen wir, wie viele Äpfel noch im Korb sind, wenn sich die Kinder ihre genommen haben. Kostet
        jeder zwei Münzen, so ist der ganze Korb doppelt so viel wert, also nicht wenig. Nun vergleichen wir das mit dem
        zweiten Korb, in dem ein Drittel von dem liegt, was im ersten war. Die Frage geht nach dem Unterschied und nicht
        nach der Summe der beiden Mengen, und dann wird die Antwort noch geprüft, bei der man auf alles sieht.""",
    "nl": """Eerst zoeken we hoeveel appels er in de mand zijn als de kinderen die van hen hebben genomen. Kost elke
        appel twee munten, dan is de hele mand het dubbele waard, en dat is niet weinig voor een kind. Nu vergelijken we
        dat met de tweede mand, met een derde van wat er in de eerste zat. De vraag is naar het verschil en niet naar de
        som van de twee, dus kan het antwoord nog een keer op zijn teken bekeken wordt, maar dan door ons.""",
    "ru": """Сначала мы находим, сколько яблок осталось в корзине после того, как дети взяли из неё свои. Если каждое
        стоит две монеты, то вся корзина стоит вдвое больше, а это уже не так мало для ребёнка. Теперь сравним её со
        второй корзиной, в которой лежит треть того, что было в первой. Но в задаче спрашивают не о сумме, а о разности
        этих двух чисел, и мы её можем найти, так как у нас для этого всё есть, и знак при ней тоже.""",
    "uk": """Спочатку ми знаходимо, скільки яблук залишилося в кошику після того, як діти взяли з нього свої. Якщо кожне
        коштує дві монети, то весь кошик коштує вдвічі більше, а це вже не так мало для дитини. Тепер порівняємо його з
        другим кошиком, в якому лежить третина того, що було в першому. Але в задачі питають не про суму, а про різницю
        цих двох чисел, і ми її можемо знайти, бо у нас для цього все є, та й знак при ній також.""",
    "ar": """أولا نبحث عن عدد التفاحات التي بقيت في السلة بعد أن أخذ الأطفال ما كان لهم من التفاح. إذا كان ثمن كل واحدة
        منها قطعتين فإن ثمن السلة هو ضعف ذلك، وهذا ليس قليلا على كل حال. نقارن الآن هذا مع السلة الثانية التي فيها
        ثلث ما كان في السلة الأولى قبل ذلك. لكن السؤال هو عن الفرق بين العددين لا عن مجموع العددين، وقد وجدنا كل ما
        نحن في حاجة إليه من أجل ذلك، ثم ننظر بعد ذلك إلى علامة هذا العدد حيث يمكن أن تكون هي الخطأ.""",
}
SAME_SCRIPT = [
    (written, target)
    for written in PARAGRAPHS
    for target in PARAGRAPHS
    if written != target
    and ((written in {"ru", "uk"}) == (target in {"ru", "uk"}))
    and ((written == "ar") == (target == "ar"))
]
SENTENCES = {code: " ".join(".".join(text.split(".")[:2]).split()) + "." for code, text in PARAGRAPHS.items()}
"""Two of each."""


def test_every_language_that_is_told_has_a_paragraph_here() -> None:
    """So a new row of words comes with a text."""
    assert set(PARAGRAPHS) == set(short_words.CODES) == set(short_words.LETTERS)


@pytest.mark.parametrize("code", short_words.CODES)
def test_no_word_counts_twice_and_none_tells_of_two_things(code: str) -> None:
    """A word that stood twice in a row would be two of the five; and all are looked for as they are, in lower case."""
    own = short_words._OWN[code]
    assert len(own) == len(set(own))
    assert [word.lower() for word in own] == list(own)
    for word in own:
        assert short_words._others(code).search(f" {word} ".encode()) is None


@pytest.mark.parametrize("code", PARAGRAPHS)
def test_a_plain_text_is_told_without_a_detector(code: str) -> None:
    """With its formulas, several times over, and with a Greek letter or a sign of mathematics in it."""
    text = " ".join(PARAGRAPHS[code].split())
    assert short_words.likeliest(text) == code
    assert short_words.plainly(text, code)
    for whole in (text, f"{text} $x = 3$\n" * 30, f"{text} 3 × 4 ≤ 12 — «2 ÷ 1» …", f"{text} π r², α + β, Δx, 2πr"):
        assert share(whole, code) == 1.0
        assert consistency(whole, None) == 1.0
        assert language_of(whole) == code


@pytest.mark.parametrize(("written", "target"), SAME_SCRIPT)
def test_no_plain_text_is_in_another_language_of_its_script(written: str, target: str) -> None:
    """Neither by its short words nor by the detector behind them."""
    text = " ".join(PARAGRAPHS[written].split())
    assert not short_words.plainly(text, target)
    assert share(text, target) < 0.05


@pytest.mark.parametrize(("written", "target"), SAME_SCRIPT)
def test_sprinkled_short_words_make_no_other_language(written: str, target: str) -> None:
    """Every sixth word is one of the target's: the rest still tells what it is written in."""
    own = [word for word in PARAGRAPHS[target].split() if len(word) < 5][:9]
    words = PARAGRAPHS[written].split()
    for step in range(len(words) // 6, 0, -1):
        words.insert(6 * step, own[step % len(own)])
    assert share(" ".join(words), target) < 0.6


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "\u2060", "\u0301"])
def test_what_is_not_seen_hides_no_word(mark: str) -> None:
    """French with something invisible in each of its short words, and English ones between them."""
    words = [word[0] + mark + word[1:] if len(word) < 5 else word for word in PARAGRAPHS["fr"].split()]
    text = " ".join(word + " the of and is that"[: 5 * (n % 2)] for n, word in enumerate(words))
    assert share(text, "en") < 0.7


@pytest.mark.parametrize("glue", ["$x$", "`x`", "\\alpha", "(", "'", "3"])
def test_notation_at_a_short_word_hides_it_no_better(glue: str) -> None:
    """French whose short words are glued to a formula, with English ones between them."""
    words = [glue + word if len(word) < 5 else word for word in PARAGRAPHS["fr"].split()]
    text = " ".join(word + " the of and is"[: 5 * (n % 2)] for n, word in enumerate(words))
    assert share(text, "en") < 0.6


def test_letters_of_another_script_that_look_the_same_are_seen() -> None:
    """English with Cyrillic letters in every word is not English; with one word so, that word is not."""
    text = " ".join(PARAGRAPHS["en"].split())
    assert share(text.replace("e", "е").replace("o", "о").replace("a", "а"), "en") < 0.5
    words = len(re.findall("[A-Za-z]{2,}", text))
    assert share(text.replace("question", "quеstiоn"), "en") == pytest.approx((words - 1) / words)
    russian = " ".join(PARAGRAPHS["ru"].split())
    assert share(russian.replace("о", "o").replace("а", "a").replace("е", "e"), "ru") < 0.5
    assert share(f"{text} {russian.replace('о', 'o').replace('а', 'a').replace('е', 'e')}", "en") < 0.65


@pytest.mark.parametrize("english", ["the of and is that", "and then we have this for it"])
def test_english_words_make_no_english_of_chinese(english: str) -> None:
    """Script is counted, whatever the short words say: a Han character is a word that is not English."""
    text = f"{english} 我们先把两个数加起来然后除以三 " * 40
    count = len(english.split())
    assert share(text, "en") == pytest.approx(count / (count + 15))


@pytest.mark.parametrize("code", sorted(set(PARAGRAPHS) - {"en"}))
def test_two_foreign_sentences_in_a_plain_page_are_found(code: str) -> None:
    """In the midst of three paragraphs of English, or English ones in the midst of the other language's."""
    page = " ".join(PARAGRAPHS["en"].split())
    assert share(f"{page} {page} {SENTENCES[code]} {page}", "en") < 1.0
    page = " ".join(PARAGRAPHS[code].split())
    assert share(f"{page} {page} {SENTENCES['en']} {page}", code) < 1.0


def test_a_page_that_turns_at_its_end_is_found() -> None:
    """Stretches are looked at one by one: much English does not stand for what follows it."""
    assert share(PARAGRAPHS["en"] * 12 + PARAGRAPHS["de"], "en") < 0.95


def test_greek_words_are_seen_and_greek_variables_are_none() -> None:
    """A letter by itself is no word of any language; two are one, whatever is around them."""
    text = " ".join(PARAGRAPHS["en"].split())
    words = len(re.findall("[A-Za-z]{2,}", text))
    assert share(f"{text} π and θ, 2πr", "en") == 1.0
    assert share(f"{text} και", "en") == pytest.approx(words / (words + 1))
    assert share(f"{text} π και θ", "en") == pytest.approx(words / (words + 1))


def test_what_is_called_neutral_is_of_no_script() -> None:
    """Else letters would go uncounted; and nothing in it is invisible."""
    neutral = re.compile(f"[{language._NEUTRAL}]")
    found = [chr(code) for code in range(128, 0x110000) if neutral.match(chr(code))]
    assert len(found) > 1000
    assert not [character for character in found if language._script_of(character)]
    assert not [character for character in found if unicodedata.category(character) in {"Cc", "Cf", "Mn", "Cs"}]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("ab_1é ,-жщѓѝ9我\u0301", max_size=60), st.sampled_from(["Latin", "Cyrillic"]))
def test_words_counted_by_bytes_are_those_counted_one_by_one(text: str, script: str) -> None:
    """An identifier, a number and a single letter are none; a letter that the bytes lack falls back to the search."""
    assert language._count(text, script) == len(language._WORDS[script].findall(text))
    many = text * 70
    assert language._count(many, script) == len(language._WORDS[script].findall(many))
