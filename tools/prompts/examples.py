"""The one worked example of all prompts: made up, short, and of no real neuron. Beside it a rival, where there are
several."""

from __future__ import annotations

EXPLANATION = "the word after 'not'"

TOKENS = ("It", " is", " not", " red", ",\n")
LEVELS = (0, 0, 0, 9, 0)

SILENT_TOKENS = ("A", " red", " hat")
SILENT_LEVELS = (0, 0, 0)

RIVALS = (EXPLANATION, "colours")
OTHER_LEVELS = (0, 0, 0, 9, 0)
OTHER_SILENT_LEVELS = (0, 8, 0)

LABEL = "words after 'not'"
FORM = "what stood before"
WORDS = ("is not", "may not", "not a")
TEXTS = (
    ("The paint that she had chosen was not red", 9),
    ("After ten at night you may not enter", 8),
    ("The paint that she had chosen was red", 0),
    ("He tied the rope into a knot and left", 0),
)
