"""LLaMA-Factory: get_rewards_from_server, as `reward_model_type: api` calls it.

llamafactory/train/ppo/ppo_utils.py as published. It sends whole texts and no label, so the recipe is one of form alone:
every other answer has the asked shape.
"""

from common import URL, bare, report, rows

bare("llamafactory", "llamafactory.extras", "llamafactory.train", "llamafactory.train.ppo")
from llamafactory.train.ppo.ppo_utils import get_rewards_from_server  # noqa: E402

texts, expected = [], []
for index, row in enumerate(rows()):
    shaped = index % 2 == 0
    said = f"<think>\nHm.\n</think>\n<answer>\n{index}\n</answer>" if shaped else f"{index}, I think."
    prompt = f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n"
    texts.append(f"{prompt}{said}<|im_end|>")
    expected.append(float(shaped))
rewards = get_rewards_from_server(f"{URL}/compat/llamafactory/form", texts).tolist()
report("llamafactory", "get_rewards_from_server", rewards, expected, "ppo_utils.py of its wheel")
