"""The servers' dialects: what each is sent, and where in its reply the number stands.

The shapes are those of vLLM (entrypoints/pooling), SGLang (entrypoints, docs/basic_usage/native_api), Text Embeddings
Inference (docs/openapi.json) and OpenAI's chat completions. One question goes into each request; the servers batch by
themselves.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graders.preference import chat
from graders.preference.chat import Exchange, Unreadable
from graders.preference.judge import CHAT_SCORE_SCALE, Judge, Linear

_PLACES = re.compile(r"(\{prompt\}|\{completion\})")


@dataclass(frozen=True, slots=True)
class Call:
    """One question of those that make a judgement; `swapped`: the reference stands first."""

    swapped: bool = False


def calls(judge: Judge) -> tuple[Call, ...]:
    """The questions that one judgement takes."""
    if judge.dialect == "chat-pairwise":
        return (Call(), Call(swapped=True)) * judge.votes
    return (Call(),) * (judge.votes if judge.dialect == "chat-score" else 1)


def write(judge: Judge, exchange: Exchange, call: Call, code: str) -> dict[str, Any]:
    """The body of a call's request.

    Args:
        exchange: with its texts neutralised.
        code: random, made for this request.
    """
    body: dict[str, Any] = {} if judge.model is None else {"model": judge.model}
    match judge.dialect:
        case "vllm-classify" | "vllm-pooling":
            if judge.template is None:
                turns = (*exchange.turns, ("assistant", exchange.answer))
                body["messages"] = [{"role": role, "content": content} for role, content in turns]
            else:
                body["input"] = _fill(judge.template, exchange)
        case "vllm-score":
            body |= {"text_1": _prompt(exchange), "text_2": exchange.answer}
        case "sglang-classify":
            body["text"] = [_fill(judge.template or "", exchange)]
        case "sglang-embeddings":
            body["input"] = _fill(judge.template or "", exchange)
        case "tei-predict":
            pair = [_prompt(exchange), exchange.answer]
            body["inputs"] = [pair if judge.template is None else [_fill(judge.template, exchange)]]
        case "chat-score":
            low, high = _ends(judge)
            body["messages"] = chat.pointwise(exchange, judge.instructions, low, high, code)
        case "chat-pairwise":
            body["messages"] = chat.pairwise(exchange, judge.instructions, call.swapped, code)
    if judge.activation is not None and judge.dialect.startswith("vllm-"):
        body["use_activation"] = judge.activation
    if judge.activation is not None and judge.dialect == "tei-predict":
        body["raw_scores"] = not judge.activation
    if judge.dialect.startswith("chat-"):
        body["temperature"] = judge.temperature
        if "max_completion_tokens" not in judge.extra:  # OpenAI's newer name; its servers refuse both at once.
            body["max_tokens"] = judge.max_tokens
    return body | dict(judge.extra)


def read(judge: Judge, call: Call, reply: Any, code: str) -> float:
    """The number in a reply.

    Args:
        reply: the reply's JSON.
        code: the one its request was written with.

    Returns: a finite number.
    Raises: Unreadable if the reply is not of the dialect's shape: that is the judge's failure, never a number.
    """
    match judge.dialect:
        case "vllm-classify":
            datum = _only(_member(reply, "data"))
            numbers = _list(_member(datum, "probs"))
            if datum.get("num_classes", len(numbers)) != len(numbers):
                raise Unreadable("as many probabilities as classes were expected")
            return _pick(numbers, judge.class_index)
        case "vllm-score":
            return _number(_member(_only(_member(reply, "data")), "score"))
        case "vllm-pooling":
            numbers = _list(_member(_only(_member(reply, "data")), "data"))
            # Token by token for models that pool nothing: the last token's row is the whole text's.
            return _pick(_list(numbers[-1]) if isinstance(numbers[-1], list) else numbers, judge.class_index)
        case "sglang-classify":
            return _pick(_list(_member(_only(reply), "embedding")), judge.class_index)
        case "sglang-embeddings":
            return _pick(_list(_member(_only(_member(reply, "data")), "embedding")), judge.class_index)
        case "tei-predict":
            return _labelled(_list(_only(reply, list)), judge.label)
        case "chat-score":
            return chat.read_score(_said(reply), *_ends(judge), code)
        case "chat-pairwise":
            return chat.read_label(_said(reply), call.swapped, code)


def said(judge: Judge, reply: Any) -> str | None:
    """What a chat judge said, for the explanation; None for other dialects."""
    return _said(reply) if judge.dialect.startswith("chat-") else None


def _ends(judge: Judge) -> tuple[float, float]:
    scale = judge.scale if isinstance(judge.scale, Linear) else CHAT_SCORE_SCALE
    return scale.min, scale.max


def _prompt(exchange: Exchange) -> str:
    return "\n\n".join(content for _, content in exchange.turns)


def _fill(template: str, exchange: Exchange) -> str:
    """The template with its places filled, once: what fills them is not looked at again."""
    texts = {"{prompt}": _prompt(exchange), "{completion}": exchange.answer}
    return "".join(texts.get(part, part) for part in _PLACES.split(template))


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise Unreadable(f"no {name} in the reply")
    return value[name]


def _only(value: Any, kind: type = dict) -> Any:
    """The one entry of a list: one question was asked."""
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], kind):
        raise Unreadable("exactly one result was expected")
    return value[0]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Unreadable("a list of numbers was expected")
    return value


def _pick(numbers: list[Any], index: int) -> float:
    if not -len(numbers) <= index < len(numbers):
        raise Unreadable("fewer numbers than class_index wants")
    return _number(numbers[index])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("a number was expected")
    try:
        number = float(value)
    except OverflowError:
        raise Unreadable("the number is not finite") from None
    if not math.isfinite(number):
        raise Unreadable("the number is not finite")
    return number


def _labelled(predictions: list[Any], label: str | None) -> float:
    scores: dict[Any, float] = {
        _member(entry, "label"): _number(_member(entry, "score"))
        for entry in predictions
        if isinstance(entry, Mapping) and isinstance(entry.get("label"), str)
    }
    if len(scores) != len(predictions):
        raise Unreadable("labels and scores were expected")
    if label is None:
        if len(scores) != 1:
            raise Unreadable("several labels: the judge needs `label`")
        return next(iter(scores.values()))
    if label not in scores:
        raise Unreadable("the label is not among the reply's")
    return scores[label]


def _said(reply: Any) -> str:
    content = _member(_member(_only(_member(reply, "choices")), "message"), "content")
    if not isinstance(content, str):
        raise Unreadable("the reply has no text")
    return content
