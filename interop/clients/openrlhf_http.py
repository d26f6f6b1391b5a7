"""OpenRLHF: SingleTurnAgentExecutor, which rolls out one prompt and fetches its reward from --reward.remote_url.

openrlhf/utils/agent.py as published, run without the package's __init__ (which wants ray, vllm and deepspeed). The
language model is a stand-in that says the row's completion; the tokenizer is one of bytes.
"""

import asyncio
import types
from array import array

from common import URL, bare, report, rows

bare("openrlhf", "openrlhf.utils")
from openrlhf.utils.agent import SingleTurnAgentExecutor  # noqa: E402

END = 256


class Tokenizer:
    """Bytes, and one special token behind the last word, as vLLM returns it."""

    def __call__(self, text, add_special_tokens, return_tensors):
        return {"input_ids": [array("I", list(text.encode()))]}  # Of a tensor only tolist is asked.

    def decode(self, ids, skip_special_tokens):
        text = bytes(one for one in ids if one != END).decode()
        return text if skip_special_tokens else text + "<|im_end|>" * list(ids).count(END)


class Model:
    """Says what it was told to."""

    def __init__(self, said):
        self.said = said

    async def generate(self, prompt_ids, params, multi_modal_data):
        ids = [*self.said.encode(), END]
        output = types.SimpleNamespace(token_ids=ids, text=self.said, finish_reason="stop", logprobs=None)
        return types.SimpleNamespace(outputs=[output])


async def main():
    executor = SingleTurnAgentExecutor([f"{URL}/compat/openrlhf/accuracy", f"{URL}/compat/openrlhf/accuracy"])
    gate = asyncio.Semaphore(32)

    async def one(row):
        params = types.SimpleNamespace(max_tokens=1 << 20, logprobs=None)
        prompt = f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n"
        async with gate:
            return await executor.execute(prompt, row["label"], params, 1 << 22, Tokenizer(), Model(row["completion"]))

    given = rows()
    outputs = await asyncio.gather(*(one(row) for row in given))
    rewards = [output["reward"] for output in outputs]
    # OpenRLHF sends one query and takes the answer's lists as they are.
    rewards = [reward[0] if isinstance(reward, list) else reward for reward in rewards]
    names = {tuple(sorted(output["extra_logs"])) for output in outputs}
    assert len(names) == 1, f"the extra logs have other names from row to row: {names}"
    report(
        "openrlhf", "SingleTurnAgentExecutor", rewards, [row["expected"] for row in given], "agent.py from its wheel"
    )


asyncio.run(main())
