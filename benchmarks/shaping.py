"""What the reward components cost: microseconds an item of 4 KB, and how they grow up to 1 MB.

    .venv/bin/python benchmarks/shaping.py [NAME ...]

Each component with its default parameters, or those whose name has one of the words, then the recipes' shaping parts
(all but accuracy) together. The texts are English prose with some mathematics, in the shape of R1's template. Times are
processor time of one core, the best of several rounds, so that other processes disturb them little; beside them stands
what splitting the same text at white space costs, the least that counting words can cost.
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
CORRECT = Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0)
ROUNDS = 5
JUDGED = {"accuracy", "preference"}
"""Components that only pass on what a grader found."""


def text_of(size: int) -> str:
    """A completion of about so many bytes, no two sentences alike."""
    thought = ""
    number = 0
    pieces = []
    while size > 0:
        sentence = f"{SENTENCES[number % len(SENTENCES)][:-1]}, case {number}."
        pieces.append(sentence)
        size -= len(sentence) + 1
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
    sizes = (1024, 4096, 65_536, 1_048_576 - 256)
    print(f"{'microseconds an item of':28s}" + "".join(f"{size:>12,}" for size in sizes) + "   1 MB / 64 KB, per byte")
    items = [Item(text_of(size), CORRECT, "How many apples are in the basket?", tokens=size // 4) for size in sizes]
    times = [2000, 500, 40, 2]
    splits = [cost_us(item.completion.split, count) for item, count in zip(items, times, strict=True)]
    print(f"{'(split at white space)':28s}" + "".join(f"{cost:12,.1f}" for cost in splits))
    for name, specs in rows.items():
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        costs = []
        for item, count in zip(items, times, strict=True):
            calls = [scorer(*spec, item) for spec in specs]
            costs.append(cost_us(lambda calls=calls: [call() for call in calls], count))
        growth = (costs[3] / sizes[3]) / (costs[2] / sizes[2])
        print(f"{name:28s}" + "".join(f"{cost:12,.1f}" for cost in costs) + f"   {growth:.2f}")


if __name__ == "__main__":
    main()
