"""Untrusted text on its way into a judge's prompt: it can neither end its quotation nor spell a control token.

A tokenizer that finds `<|im_end|>` in a text may take it for the real end of a turn, wherever it stands. Such spellings
get a space inside: a reader sees what was written, a tokenizer does not. It does not cover words: a model that obeys
what it reads is answered by the instructions around the quotation and by the verdict's code (chat.py).
"""

import re
from collections.abc import Iterable

# ChatML, Llama 3, Phi, DeepSeek (whose bar is full-width) and their kin. The bounded, exclusive middle keeps it linear.
_BARRED = re.compile("([<＜])([|｜][^<>＜＞|｜\n]{1,64}[|｜])([>＞])")

COMMON = (
    "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]",
    "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<mask>",
    "<start_of_turn>", "<end_of_turn>", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "[gMASK]", "<sop>", "<eop>",
    "]~b]", "[e~[",
)  # fmt: skip
"""Control tokens without bars, of Llama 2, Mistral, Gemma, BERT, GLM, MiniMax and SentencePiece."""


def neutralise(text: str, more: Iterable[str] = ()) -> str:
    """The text with a space inside everything that a tokenizer could take for one of its control tokens.

    Args:
        text: any text.
        more: control tokens of a particular tokenizer.

    Returns: a text without any of them; applying it again changes nothing. Linear in the text's length.
    """
    if any(mark in text for mark in "|｜"):
        text = _BARRED.sub(r"\1 \2 \3", text)
    for token in (*COMMON, *more):
        if token in text:
            # By looking ahead, so that occurrences that overlap are all broken up.
            text = re.sub(f"{re.escape(token[0])}(?={re.escape(token[1:])})", lambda found: found[0] + " ", text)
    return text


def quoted(name: str, text: str, code: str) -> str:
    """The text between two marker lines. The code is random and younger than the text, which therefore lacks it."""
    return f"<<<{name} {code}>>>\n{text}\n<<<END {name} {code}>>>"
