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
    "In 2012 it was 3 * 3 = **9**, and then more",
    "**2 + 2 = 4**",
    r"$\ln 10$ is $\ln(10) = 2.303$",
    "`64 * 3 * 3 * 3 + 64 = 1792` parameters",
    "7 / 2 = 3.5",
    r"$$\begin{aligned} \tfrac{1}{4}\,(& 2 \cdot 5 \\ & - 2) - 0.5 \approx 1.5 \end{aligned}$$",
    "1{,}728 = 27 \\cdot 64",
    "ln 10 = 2.303, close to it",
    r"$\frac{1}{1 + \frac{1}{\frac{1}{2}}} \approx 0.333$",
    r"$-\ln \frac{1}{100} = \ln 100 \approx 4.61$",
    r"$224 \cdot 224 = 50\,176$ pixels",
    "27.5 M / 231.2 M = 11.9 %",
    "25.6 million parameters × 4 bytes = 102.4 MB",
    "9.1M * 4 bytes ~= 36 MB",
    "602,112 bytes / 1 = 588 KiB",
    "102.4 / 4 = 25.6 MB",
    "55\\*55\\*96 = 290,400 neurons",
    "you need ⌈(32 − 1)/2⌉ = 16 of them",
    r"$\log_2 8 = 3$",
    "3,136 positions x 128 filters = 401,408",
    "an aside (1 - 1/4 = 0.75)",
    "3 × 3 × 64 is 576",
    "10 / 3 is about 3.33",
    r"$\frac{1}{128} + \frac{1}{9} \approx 0.0078 + 0.1111 = 0.1189$",
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
    ("27.5 M / 231.2 M = 12.9 %", "is 11.8945 %, not 12.9 %"),
    ("25.6 million parameters × 4 bytes = 120.4 MB", "is 102.4 MB, not 120.4 MB"),
    ("102.4 / 4 = 52.6 MB", "not 52.6 MB"),
    ("an aside (1 - 1/4 = 0.25)", "is 0.75, not 0.25"),
    ("3 × 3 × 64 is 567", "is 576, not 567"),
    ("2 * 3, and so 2 + 2 makes 5", "is 4, not 5"),
]
NO_CLAIM = [
    "n - k + 1 = 2",
    "σ(0) = 0.5",
    "2 groups with 64 each = 128",
    "a kernel of 3 is 5 wide",
    "$2M = 6$",
    "1  3  2    *    1  2    =    5   4",
    r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix} = \begin{bmatrix} 17 \\ 39 \end{bmatrix}",
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


@pytest.mark.parametrize("text", TRUE)
def test_the_true_ones_are_seen(text):
    """Each true example turns false when its last number does, so it was really computed."""
    last = max(i for i, char in enumerate(text) if char.isdigit())
    head, digit = text[:last], text[last]
    changed = head + str((int(digit) + 5) % 10) + text[len(head) + 1 :]
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
