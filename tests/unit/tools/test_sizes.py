import pytest

from tools.sizes import size_text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (12_345, "12 kB"), (999_499, "999 kB"),
        (999_600, "1.0 MB"), (3_449_000, "3.4 MB"), (9_960_000, "10 MB"), (548_105_171, "548 MB"),
        (6_430_000_000, "6.4 GB"), (2.5e15, "2,500 TB"),
    ],
)  # fmt: skip
def test_sizes_are_told_in_a_unit_that_fits(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text
