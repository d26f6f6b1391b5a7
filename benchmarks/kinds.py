"""What the kinds of task cost that need no sandbox: microseconds an item of 4 KB, and how they grow up to 1 MB.

    .venv/bin/python benchmarks/kinds.py

Text in each match, JSON by schema and by value, IFEval's instructions together and the language alone, and a vote of 16
and 64 completions. Times are processor time of one core, the best of several rounds.
"""

import json
import time
from collections.abc import Callable

from graders import instructions, structured, text
from graders.instructions import INSTRUCTIONS
from graders.math.grade import MathGrader
from graders.task import InstructionsTask, JsonTask, TextTask
from graders.votes import Counter
from graders.work import VoteTask

SENTENCE = "The old lighthouse keeper counted the waves, wrote the number down, and made his tea at half past {}. "
ROUNDS = 7


def prose(size: int) -> str:
    """A completion of about so many bytes, no two sentences alike."""
    return "".join(SENTENCE.format(number) for number in range(size // len(SENTENCE) + 1))[:size]


def cost_us(work: Callable[[], object]) -> float:
    """Microseconds of processor time a call, the best of the rounds."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        times, started = 0, time.process_time()
        while time.process_time() - started < 0.05:
            work()
            times += 1
        best = min(best, (time.process_time() - started) / times)
    return best * 1e6


def works(size: int) -> dict[str, Callable[[], object]]:
    """Each kind over a completion of a size."""
    thought = f"<think>{prose(size)}</think>"
    said = prose(size)
    value = {"rows": [{"n": number, "said": SENTENCE} for number in range(max(size // 150, 1))]}
    document = f"```json\n{json.dumps(value)}\n```"
    schema = {"properties": {"rows": {"items": {"required": ["n"], "properties": {"n": {"type": "integer"}}}}}}
    everything = InstructionsTask(
        instruction_ids=("punctuation:no_comma", "startend:quotation", "detectable_format:title"),
        mode="loose",
    )
    counting = InstructionsTask(
        instruction_ids=("length_constraints:number_words", "length_constraints:number_sentences"),
        kwargs=({"num_words": 10**6, "relation": "less than"}, {"num_sentences": 10**6, "relation": "less than"}),
    )
    language = InstructionsTask(instruction_ids=("language:response_language",), kwargs=({"language": "en"},))
    return {
        "text, normalized, after reasoning": lambda: text.grade(TextTask(answer="Paris"), thought + "Paris"),
        "text, f1 over all of it": lambda: text.grade(TextTask(answer=said[:4096], match="f1", extract="full"), said),
        "text, regex over all of it": lambda: text.grade(
            TextTask(answer="(?s).*half past 7.*", match="regex", extract="full"), said
        ),
        "json, a fence, by schema": lambda: structured.grade(JsonTask(schema=schema), document),
        "json, a fence, by value": lambda: structured.grade(JsonTask(answer=value), document),
        "instructions, three plain ones, loose": lambda: instructions.grade(everything, said),
        "instructions, words and sentences": lambda: instructions.grade(counting, said),
        "instructions, the language": lambda: instructions.grade(language, said[:-1] + str(time.monotonic_ns())),
    }


def main() -> None:
    """Print the tables."""
    assert len(INSTRUCTIONS) == 25
    print(f"{'microseconds an item of':<40}{'4 KB':>10}{'1 MB':>12}{'per byte':>10}")
    small, large = works(4096), works(1 << 20)
    for name, work in small.items():
        cost, more = cost_us(work), cost_us(large[name])
        print(f"{name:<40}{cost:>10.0f}{more:>12.0f}{more / cost / 256:>9.2f}x")
    with MathGrader() as grader:
        counter = Counter(grader)
        notations = ["1/2", "0.5", "\\frac{1}{2}", "2", "\\sqrt{2}", "x+1"]
        for size in (16, 64):
            ballot = tuple(f"\\boxed{{{notations[at % 6]}}}" for at in range(size))
            cost = cost_us(lambda ballot=ballot: counter.count(VoteTask(completions=ballot)))
            print(f"{f'a vote of {size}, four answers':<40}{cost:>10.0f}")


if __name__ == "__main__":
    main()
