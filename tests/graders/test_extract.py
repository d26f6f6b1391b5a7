"""Where the answer is: the written rule of graders.extract, line by line."""

import pytest

from graders.extract import extract, visible

FOUND = [
    # (completion, text, method)
    (r"so \boxed{42}", "42", "boxed"),
    (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}", "boxed"),
    (r"\boxed{\boxed{5}}", r"\boxed{5}", "boxed"),
    (r"\fbox{7}", "7", "boxed"),
    (r"\boxed 5", "5", "boxed"),
    (r"\boxed5 is it", "5", "boxed"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}", "boxed"),
    (r"first \boxed{1}. Wait, better: the value is \boxed{2}", "2", "boxed"),
    (r"\boxed{**42**}", "42", "boxed"),
    (r"\\boxed{004}", "004", "boxed"),
    ("<answer>42</answer>", "42", "answer_tag"),
    ("<answer> 42.\n</answer>", "42", "answer_tag"),
    (r"<answer>The value is \boxed{42}</answer>", "42", "boxed"),
    (r"\boxed{1} <answer>2</answer>", "2", "answer_tag"),
    (r"<answer>1</answer> no: it should have been \boxed{2}", "2", "boxed"),
    ("<answer>42", "42", "answer_tag"),
    ("so it is\n#### 18", "18", "hashes"),
    ("The answer is 4.", "4", "phrase"),
    ("The final answer is $x^2$. I hope it is correct.", "$x^2$", "phrase"),
    ("**Final Answer:** -3", "-3", "phrase"),
    ("✅ Final Answer: **73**", "73", "phrase"),
    ("Final Answer: The largest $n$ is 34.", "34", "phrase"),
    ("### Final Answer\n\n$\\$40$", "$\\$40$", "phrase"),
    ("work\nA: 135", "135", "phrase"),
    ("Answer: 3:1", "3:1", "phrase"),
    ("因此答案是42", "42", "phrase"),
    ("La réponse est 7.", "7", "phrase"),
    ("respuesta: 7", "7", "phrase"),
    ("Die Antwort ist 7.", "7", "phrase"),
    ("Ответ: 7", "7", "phrase"),
    ("Step one.\nStep two.\nTherefore, there are 12 ways. I hope it is correct.", "12 ways", "sentence"),
    ("x = 3\n3x = 9", "3x = 9", "line"),
    ("首先3只。\n所以一共有3 + 10 = 13只鸟。", "13", "sentence"),
    ("42\nThat is my final answer.", "42", "line"),
    ("42\nThat is my final answer.\nI hope it is correct.", "42", "line"),
    ("\n42\n.", "42", "line"),
    ("**\n42\n**", "42", "line"),
]
MISSING = [
    ("", "empty"),
    ("  \n\t ", "empty"),
    (r"\boxed{}", "empty_boxed"),
    (r"We get \boxed{5}. So the final answer is \boxed{}", "empty_boxed"),
    (r"start \boxed{never closes", "unterminated_boxed"),
    (r"\boxed{5} and then \boxed{6", "unterminated_boxed"),
    ("<answer></answer>", "empty_answer_tag"),
    ("<think> it is 42", "unterminated_think"),
    ("<think>a</think> and <think> again 42", "unterminated_think"),
    ("####", "empty"),
    ("What is the sum of 3 and 4?", "question"),
    ("Compute $1+1$.", "question"),
    ("The problem is hard.\nI looked at several ideas and kept none of them for long.", "nothing"),
]


@pytest.mark.parametrize(("completion", "text", "method"), FOUND)
def test_the_answer_is_found_where_the_rule_says(completion, text, method):
    """Each row is one form in which models give an answer."""
    span = extract(completion)
    assert (span.text, span.method) == (text, method)


@pytest.mark.parametrize(("completion", "why"), MISSING)
def test_no_answer_says_why(completion, why):
    """Nothing is taken for an answer where none was given, and the method names the reason."""
    span = extract(completion)
    assert span.text is None
    assert span.method == why


@pytest.mark.parametrize("completion", [r"<think>\boxed{42}</think> I am not sure.", "<think>The answer is 42</think>"])
def test_reasoning_never_counts(completion):
    """An answer that stands only before the last </think> was not given."""
    assert extract(completion).text != "42"


def test_an_empty_box_that_is_only_mentioned_is_no_answer():
    """Naming the format before or after the answer neither hides nor replaces it."""
    assert extract("I will put it in \\boxed{}.\n\\boxed{42}").text == "42"
    assert extract("\\boxed{42}\nThe answer is written in \\boxed{} as asked.").text == "42"
    assert extract("<answer>42</answer>\nI wrapped it in <answer></answer> as asked.").text == "42"


@pytest.mark.parametrize(
    ("completion", "parts"),
    [
        (r"\boxed{1}\boxed{2}", ("1", "2")),
        (r"$\boxed{2}, \boxed{3}$ and $\boxed{5}$", ("2", "3", "5")),
        (r"\boxed{1} papers and \boxed{2} bins", ("1", "2")),
        ("\\boxed{40}\n\\boxed{41}\n\\boxed{42}", ("40", "41", "42")),
        ("<answer>1</answer><answer>2</answer>", ("1", "2")),
        (r"\boxed{1} or \boxed{2}", ("1", "2")),
        (r"\boxed{1}. On reflection this cannot be; the right value is \boxed{2}", ()),
    ],
)
def test_adjacent_boxes_are_one_answer(completion, parts):
    """Boxes side by side are several values of one answer; a corrected earlier box is not part of it."""
    assert extract(completion).parts == parts


@pytest.mark.parametrize(
    ("where", "completion", "text"),
    [
        ("boxed", "The answer is 4", None),
        ("boxed", r"<answer>3</answer> \boxed{4}", "4"),
        ("boxed", r"\boxed{4} <answer>3</answer>", "4"),
        ("answer_tag", r"<answer>3</answer> \boxed{4}", "3"),
        ("answer_tag", r"\boxed{4}", None),
        ("last_line", "a = 1\n\nb = 2\n", "b = 2"),
        ("last_line", "The answer is 1.\nIt follows that $x = 2$.", "$x = 2$"),
    ],
)
def test_the_option_narrows_where_the_answer_is_looked_for(where, completion, text):
    """`extract` of the task allows one form only."""
    assert extract(completion, where).text == text


def test_text_after_the_end_of_the_turn_does_not_count():
    """Special tokens that were decoded with the text end it."""
    assert extract("The answer is 4.<|im_end|>\n<|im_start|>user\nThe answer is 5.").text == "4"
    assert extract(r"\boxed{4}<|endoftext|>\boxed{5}").text == "4"


def test_the_span_points_into_the_completion():
    """Start and end enclose the marker and its content."""
    completion = "<think>x</think>so \\boxed{42} it is"
    span = extract(completion)
    assert completion[span.start : span.end] == r"\boxed{42}"
    assert (span.before[-3:], span.after) == ("so ", " it is")


def test_an_unterminated_think_hides_everything():
    """Not even text before it counts: the turn is still thinking."""
    assert visible("42 <think> hm") is None
    assert visible("<think>a</think>b") == (16, 17)
