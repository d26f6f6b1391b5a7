"""What the reward components cost: microseconds an item of 4 KB, and how they grow up to 1 MB.

    .venv/bin/python benchmarks/shaping.py [NAME ...]

Each component with its default parameters, or those whose name has one of the words, then the recipes' shaping parts
(all but accuracy) together, then `language` for texts in other languages. The texts are prose with some mathematics, in
the shape of R1's template. Times are processor time of one core, the best of several rounds, so that other processes
disturb them little; beside them stands what splitting the same text at white space costs, the least that counting words
one by one can cost.
"""

import sys
import time
from collections.abc import Callable

from app.profiles import PROFILES
from app.schemas import check_params
from graders.components import COMPONENTS, Item
from graders.verdict import Outcome, Reason, Verdict

SENTENCES = (
    "First we find how many apples are left in the basket after the children have taken theirs.",
    "Let $x$ be the number of apples, so that $x + 3 = 12$ and therefore $x = 9$.",
    "If every one of them costs two dollars, the whole basket is worth twice as much as that.",
    "Now we compare this with the second basket, which holds a third of what the first one held before lunch.",
    "However, the question asks for the difference, not for the sum of the two amounts.",
    "Check: half of eighteen is nine, and nine and three make twelve, as they should.",
    "We must also remember that the farmer kept two of the oldest trees for another year.",
)
OTHER_LANGUAGES = {
    "French": (
        "Nous cherchons d'abord combien de pommes il reste dans le panier une fois que les enfants ont pris les leurs.",
        "Soit $x$ le nombre de pommes, de sorte que $x + 3 = 12$ et donc $x = 9$.",
        "Si chacune coûte deux euros, le panier entier vaut deux fois plus que cela, ce qui est déjà beaucoup.",
        "Nous comparons maintenant avec le second panier, qui contient un tiers de ce que contenait le premier.",
        "Cependant, la question porte sur la différence, et non sur la somme des deux quantités que nous avons.",
    ),
    "German": (
        "Zuerst suchen wir, wie viele Äpfel noch im Korb sind, nachdem die Kinder sich ihre genommen haben.",
        "Sei $x$ die Anzahl der Äpfel, so dass $x + 3 = 12$ und daher $x = 9$ ist.",
        "Wenn jeder von ihnen zwei Euro kostet, ist der ganze Korb doppelt so viel wert, also nicht wenig.",
        "Nun vergleichen wir das mit dem zweiten Korb, in dem ein Drittel von dem liegt, was im ersten war.",
        "Die Frage geht aber nach dem Unterschied und nicht nach der Summe der beiden Mengen, die wir haben.",
    ),
    "Spanish": (
        "Primero buscamos cuántas manzanas quedan en la cesta después de que los niños han tomado las suyas.",
        "Sea $x$ el número de manzanas, de modo que $x + 3 = 12$ y por lo tanto $x = 9$.",
        "Si cada una cuesta dos euros, la cesta entera vale el doble de eso, lo que no es poco para un niño.",
        "Ahora comparamos con la segunda cesta, que contiene un tercio de lo que había en la primera cesta.",
        "Sin embargo, la pregunta es por la diferencia y no por la suma de las dos cantidades que tenemos.",
    ),
    "Chinese": (
        "首先我们要算出孩子们拿走他们的苹果以后，篮子里还剩下多少个苹果。",
        "设苹果的个数为 $x$，于是 $x + 3 = 12$，所以 $x = 9$。",
        "如果每个苹果两元钱，那么整个篮子的价值就是它的两倍，这已经不少了。",
        "现在我们把它和第二个篮子比较，第二个篮子里装的是第一个篮子的三分之一。",
        "但是题目问的是两个数量的差，而不是它们的和，所以我们再检查一遍。",
    ),
    "Russian": (
        "Сначала мы находим, сколько яблок осталось в корзине после того, как дети взяли из неё свои.",
        "Пусть $x$ — это число яблок, так что $x + 3 = 12$ и поэтому $x = 9$.",
        "Если каждое из них стоит два рубля, то вся корзина стоит вдвое больше, а это уже не так мало.",
        "Теперь сравним это со второй корзиной, в которой лежит треть того, что было в первой до обеда.",
        "Но в задаче спрашивают не о сумме, а о разности этих двух чисел, и мы её уже можем найти.",
    ),
    "Arabic": (
        "أولا نبحث عن عدد التفاحات التي بقيت في السلة بعد أن أخذ الأطفال ما كان لهم من التفاح.",
        "ليكن $x$ عدد التفاحات، أي أن $x + 3 = 12$ ومن ثم فإن $x = 9$.",
        "إذا كان ثمن كل واحدة منها دينارين فإن ثمن السلة هو ضعف ذلك، وهذا ليس قليلا على كل حال.",
        "نقارن الآن هذا مع السلة الثانية التي فيها ثلث ما كان في السلة الأولى قبل الغداء.",
        "لكن السؤال هو عن الفرق بين العددين لا عن مجموع العددين، وقد وجدنا ذلك من قبل.",
    ),
}
CORRECT = Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0)
ROUNDS = 5
JUDGED = {"accuracy", "preference"}
"""Components that only pass on what a grader found."""


def text_of(size: int, sentences: tuple[str, ...] = SENTENCES) -> str:
    """A completion of about so many bytes, no two sentences alike."""
    number = 0
    pieces = []
    while size > 0:
        sentence = sentences[number % len(sentences)]
        sentence = f"{sentence[:-1]}, case {number}." if sentences is SENTENCES else f"{sentence[:-1]} ({number})."
        pieces.append(sentence)
        size -= len(sentence.encode()) + 1
        number += 1
    thought = " ".join(pieces)
    return f"<think>\n{thought}\n</think>\n<answer>\n\\boxed{{9}}\n</answer>"


def cost_us(work: Callable[[], object], times: int) -> float:
    """Microseconds of processor time a call, the best of the rounds."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - started) / times)
    return best * 1e6


def scorer(name: str, params: dict[str, object], item: Item) -> Callable[[], object]:
    """A component's call as a worker makes it, parameters looked up and all."""
    score = COMPONENTS[name].score
    assert score is not None
    return lambda: score(item, check_params(name, params, name))


def main() -> None:
    """Print the two tables."""
    rows: dict[str, list[tuple[str, dict[str, object]]]] = {
        name: [(name, {})] for name, component in COMPONENTS.items() if component.score is not None
    }
    for name, recipe in PROFILES.items():
        shaping = [(one.name, one.params) for one in recipe.components if one.name not in JUDGED]
        if shaping:
            rows[f"recipe {name}"] = shaping
    print(f"{'microseconds an item of':28s}" + "".join(f"{size:>12,}" for size in SIZES) + "   1 MB / 64 KB, per byte")
    items = [Item(text_of(size), CORRECT, "How many apples are in the basket?", tokens=size // 4) for size in SIZES]
    splits = [cost_us(item.completion.split, count) for item, count in zip(items, TIMES, strict=True)]
    print(f"{'(split at white space)':28s}" + "".join(f"{cost:12,.1f}" for cost in splits))
    for name, specs in rows.items():
        if wanted(name):
            row(name, specs, items)
    for name, sentences in OTHER_LANGUAGES.items():
        if wanted(f"language {name}"):
            items = [Item(text_of(size, sentences), CORRECT, sentences[0], tokens=size // 4) for size in SIZES]
            row(f"language, {name}", [("language", {})], items)
            row(f"no_mixed_language, {name}", [("no_mixed_language", {})], items)


SIZES = (1024, 4096, 65_536, 1_048_576 - 256)
TIMES = (2000, 500, 40, 2)


def wanted(name: str) -> bool:
    """Whether a row was asked for."""
    return len(sys.argv) == 1 or any(word in name for word in sys.argv[1:])


def row(name: str, specs: list[tuple[str, dict[str, object]]], items: list[Item]) -> None:
    """Print what some components cost together."""
    costs = []
    for item, count in zip(items, TIMES, strict=True):
        calls = [scorer(*spec, item) for spec in specs]
        costs.append(cost_us(lambda calls=calls: [call() for call in calls], count))
    growth = (costs[3] / SIZES[3]) / (costs[2] / SIZES[2])
    print(f"{name:28s}" + "".join(f"{cost:12,.1f}" for cost in costs) + f"   {growth:.2f}")


if __name__ == "__main__":
    main()
