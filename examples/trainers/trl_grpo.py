"""TRL's GRPOTrainer with rewards from Touchstone: maths and code prompts in one run.

    pip install trl touchstone-client
    touchstone serve
    python examples/trainers/trl_grpo.py                       # a toy model on the CPU, in a minute or two
    python examples/trainers/trl_grpo.py --model Qwen/Qwen3-0.6B --steps 500

To paste into a script of your own:

    from touchstone_client.adapters.trl import RemoteReward
    GRPOTrainer(reward_funcs=[RemoteReward("http://127.0.0.1:8000", "r1-zero")], …)

and in the dataset a column `task` with the task as JSON (for code), or `answer` or `solution` with a reference (for
maths).

Without --model the model is made here: one layer, random weights, and a vocabulary whose words are whole answers, so
that even it finds a right one now and then and can be seen to learn.
"""

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from touchstone_client.adapters.trl import RemoteReward
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import GRPOConfig, GRPOTrainer

CASES = [{"input": "3\n", "output": "6\n"}, {"input": "-1\n", "output": "-2\n"}]
DOUBLE = {"kind": "code", "language": "python", "tests": {"kind": "stdio", "cases": CASES}}

ROWS = [
    {"prompt": "What is 3 + 4 ?", "answer": "7", "task": None},
    {"prompt": "What is 10 / 4 ?", "answer": "\\frac{5}{2}", "task": None},
    {"prompt": "Double the number .", "answer": None, "task": json.dumps(DOUBLE)},
]

ANSWERS = [
    "\\boxed{7}",
    "\\boxed{2.5}",
    *(f"```python\nprint({value})\n```" for value in ("2 * int(input())", "int(input())")),
]

WORDS = [
    *dict.fromkeys(word for row in ROWS for word in row["prompt"].split()),
    *ANSWERS,
    *(f"<think>\nHm.\n</think>\n<answer>\n{answer}\n</answer>" for answer in ANSWERS),
]


def toy() -> tuple[Any, Any]:
    """A model and its tokenizer, made on the spot."""
    vocabulary = {word: index for index, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config), tokenizer


def train(url: str, profile: str, steps: int, folder: Path, model: str | None = None) -> GRPOTrainer:
    """Run GRPO; the trainer's state holds the log."""
    set_seed(7)
    own, tokenizer = toy() if model is None else (model, None)
    arguments = GRPOConfig(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=24,
        num_generations=8,
        max_completion_length=2 if model is None else 1024,
        learning_rate=2e-2 if model is None else 1e-6,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        **({"use_cpu": True, "bf16": False, "gradient_checkpointing": False} if model is None else {}),
    )
    trainer = GRPOTrainer(
        model=own,
        processing_class=tokenizer,
        args=arguments,
        train_dataset=Dataset.from_list(ROWS),
        reward_funcs=[RemoteReward(url, profile)],
    )
    trainer.train()
    return trainer


def main() -> None:
    """Train, and print what the log says of the rewards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--profile", default="r1-zero")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--model", help="a model of the hub or a folder; without it, a toy")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        trainer = train(given.url, given.profile, given.steps, Path(folder), given.model)
    for row in trainer.state.log_history:
        if "reward" in row:
            seen = {name: round(value, 3) for name, value in row.items() if name.startswith("touchstone/")}
            print(f"step {row['step']:3}  reward {row['reward']:.3f}  {seen}")


if __name__ == "__main__":
    main()
