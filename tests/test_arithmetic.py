"""Written arithmetic: what is true, what is false, and what claims nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runner.arithmetic import faults

TRUE = [
    "3 × 3 × 3 × 64 = 1,728",
    "3*3*3*64 = 1728 weights",
    "3 channels * 64 filters = 192",
    r"$3 \times 3 \times 64 = 576$",
    r"$y_{0,1} = (-1)\cdot 3 + 1\cdot 8 + (-2)\cdot 3 + 2\cdot 9 = 17$",
    r"$$\left\lfloor \frac{32 + 2 \cdot 2 - 5}{2} \right\rfloor + 1 = 16$$",
    "floor((32 - 5) / 2) + 1 = 14",
    "32 − 5 + 1 = 28",
    "28x28 = 784 pixels",
    "27 / 49 = 55 %",
    "27 / 49 ≈ 0.55",
    "32*32*3*1024 ≈ 3.1 million",
    "224 × 224 × 3 ≈ 150,000 values",
    "2^3 = 8 and 3² = 9",
    "1,728 = 27 * 64",
    "2 * 6 = 3 * 4 = 12",
    "In 2012 it was 3 * 3 = **9**, and then 5",
    "**2 + 2 = 4**",
    r"$\ln 10$ is $\ln(10) = 2.303$",
    "`64 * 3 * 3 * 3 + 64 = 1792` parameters",
    "7 / 2 = 3.5",
    r"$$\begin{aligned} \tfrac{1}{4}\,(& 2 \cdot 5 \\ & - 2) - 0.5 \approx 1.5 \end{aligned}$$",
    "1{,}728 = 27 \\cdot 64",
]
FALSE = [
    (r"$$\begin{aligned} \tfrac{1}{4}\,(& 2 \cdot 5 \\ & - 2) - 0.5 \approx 1.6 \end{aligned}$$", "is 1.5, not 1.6"),
    ("3 × 3 × 3 × 64 = 1,729", "3*3*3*64 is 1,728, not 1729"),
    (r"$3 \times 3 \times 64 = 567$", "is 576, not 567"),
    ("3 channels * 64 filters = 193 weights", "is 192, not 193"),
    (r"$\lfloor (32 - 5)/2 \rfloor + 1 = 15$", "is 14, not 15"),
    ("(32 - 5)/2 + 1 = 14", "is 14.5, not 14"),
    ("27 / 49 = 56 %", "is 55.102 %, not 56 %"),
    ("32*32*3*1024 ≈ 3.2 million", "is 3.14573 million, not 3.2 million"),
    ("224 × 224 × 3 ≈ 160,000 values", "is 150,528, not 160000"),
    (r"On the edge it is $(-1)\cdot 1 + 2\cdot 9 = 18$.", "is 17, not 18"),
    ("2 * 6 = 3 * 5 = 15", "is 15"),
    ("1,729 = 27 * 64", "27*64 is 1,728, not 1729"),
    ("32 − 5 + 1 = 27", "is 28, not 27"),
    ("3² = 6", "is 9, not 6"),
    ("a then 2 + 2 = 5, b", "is 4, not 5"),
]
NO_CLAIM = [
    "n - k + 1 = 2",
    "H_out = floor((H + 2p - k) / s) + 1",
    "stride=2, padding=1",
    "k = 3",
    "x == 3 and 1 <= 2",
    '<details markdown="1">',
    "f(2) = 5",
    "y = 3 + n",
    "`conv2d(x, k) = 4`",
    "3k = 7",
    "2 x = 5",
    "r = 1 + 2 k",
    "torch.Size([2]) = 3 + ",
    "= 4",
    "",
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text):
    assert faults(text) == []


@pytest.mark.parametrize("text", [text for text in TRUE if "≈" not in text and "approx" not in text])
def test_the_true_ones_are_seen(text):
    """Each true example turns false when its last number does, so it was really computed."""
    head, digit = next((text[:i], text[i]) for i in reversed(range(len(text))) if text[i].isdigit() and "=" in text[:i])
    changed = head + str((int(digit) + 5) % 10) + text[len(head) + 1 :]
    if not text.startswith(("In 2012", "2^3", "**2", "27 / 49")):
        assert faults(changed), changed


@pytest.mark.parametrize(("text", "words"), FALSE)
def test_false(text, words):
    found = faults(text)
    assert found and words in found[0][1], found


@pytest.mark.parametrize("text", NO_CLAIM)
def test_claims_nothing(text):
    assert faults(text) == []


@given(st.text(alphabet="0123456789+-*/^()=≈ ,.%kx\\{}$⌊⌋\n", max_size=60))
def test_any_text_is_read(text):
    assert isinstance(faults(text), list)


@given(st.integers(0, 999), st.integers(1, 999), st.sampled_from("+-*"))
def test_random_sums(a, b, sign):
    result = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert faults(f"so {a} {sign} {b} = {result:,} in all") == []
    assert faults(f"so {a} {sign} {b} = {result + 1:,} in all")
