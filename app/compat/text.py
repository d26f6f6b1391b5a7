"""The model's own words out of a decoded sequence: prompt, chat markers and special tokens come off.

Trainers that send the whole sequence decode it with its special tokens. Where the prompt is sent as well it is cut off
by itself; else the assistant's marker says where the answer begins. The list of markers is closed and the search is a
plain one: nothing here is a pattern over what a model wrote.
"""

from typing import Any

ASSISTANT = (
    "<|im_start|>assistant\n",
    "<|im_start|>assistant",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<|start|>assistant<|channel|>final<|message|>",
    "<|start|>assistant<|message|>",
    "<start_of_turn>model\n",
    "<|turn>model\n",
    "<|CHATBOT_TOKEN|>",
    "<｜Assistant｜>",
    "<|Assistant|>",
    "<|assistant|>\n",
    "<|assistant|>",
    "[/INST]",
)
"""How chat templates open the assistant's turn; of two that begin alike the longer one first."""

USER = (
    "<|im_start|>user",
    "<|start_header_id|>user<|end_header_id|>",
    "<|start|>user<|message|>",
    "<start_of_turn>user",
    "<|turn>user",
    "<|USER_TOKEN|>",
    "<｜User｜>",
    "<|User|>",
    "<|user|>",
    "[INST]",
)

ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|return|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|finetune_right_pad_id|>",
    "<end_of_turn>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
    "<|end▁of▁sentence|>",
    "<eos>",
    "</s>",
    "<pad>",
    "<|pad|>",
    "[PAD]",
)
"""What may stand behind the last word."""

STARTS = (
    "<|begin_of_text|>",
    "<|startoftext|>",
    "<｜begin▁of▁sentence｜>",
    "<|begin▁of▁sentence|>",
    "<bos>",
    "<s>",
    *ENDS,
)
"""What may stand before the first word; padding on the left too."""


def answer_of(sequence: str, prompt: str | None = None) -> str:
    """What the model wrote.

    Args:
        sequence: prompt and answer as one text, with special tokens.
        prompt: the prompt as the trainer has it, if it sends it.

    Returns: the text behind the prompt, or, where the prompt does not lead it, behind the assistant's marker: as many
        markers in as the prompt has, or without a prompt the first one behind the last user's turn. A text without
        markers is taken whole.
    """
    if prompt:
        bare = _without_start(sequence)
        for head in (prompt, _without_start(prompt)):
            if head and sequence.startswith(head):
                return without_end(sequence[len(head) :])
            if head and bare.startswith(head):
                return without_end(bare[len(head) :])
    return without_end(_behind_marker(sequence, prompt))


def without_end(text: str) -> str:
    """The text without the special tokens at its end, and what white space stood between them."""
    kept = len(text)
    while True:
        end = _behind_last(text, kept)
        mark = next((mark for mark in ENDS if text.endswith(mark, 0, end)), None)
        if mark is None:
            return text[:kept]
        kept = end - len(mark)


def _behind_last(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end


def _without_start(text: str) -> str:
    kept = 0
    while True:
        start = kept
        while start < len(text) and text[start].isspace():
            start += 1
        mark = next((mark for mark in STARTS if text.startswith(mark, start)), None)
        if mark is None:
            return text[kept:]
        kept = start + len(mark)


def prompt_text(prompt: Any) -> str:
    """A prompt as one text, whatever its messages hold."""
    if isinstance(prompt, str) or not isinstance(prompt, list):
        return prompt if isinstance(prompt, str) else ""
    return "\n\n".join(content_text(turn.get("content")) for turn in prompt if isinstance(turn, dict))


def content_text(content: Any) -> str:
    """A message's content as one text: of parts, those that are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _behind_marker(sequence: str, prompt: str | None) -> str:
    marker = next((mark for mark in ASSISTANT if mark in (prompt or sequence) and mark in sequence), None)
    if marker is None:
        return sequence
    if prompt:
        turns = min(prompt.count(marker), sequence.count(marker))
        at = -len(marker)
        for _ in range(turns):
            at = sequence.index(marker, at + len(marker))
        return sequence[at + len(marker) :]
    asked = max(sequence.rfind(mark) for mark in USER)
    at = sequence.find(marker, max(asked, 0))
    if at < 0:
        at = sequence.find(marker)
    return sequence[at + len(marker) :]
