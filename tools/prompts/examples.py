"""The one worked example of all prompts: made up, short, and of no real neuron."""

from __future__ import annotations

EXPLANATION = "the word after 'not'"

TOKENS = ("It", " is", " not", " red", ",\n")
LEVELS = (0, 0, 0, 9, 0)

SILENT_TOKENS = ("A", " red", " hat")
SILENT_LEVELS = (0, 0, 0)

LABEL = "words after 'not'"
FORM = "what stood before"
WORDS = ("is not", "may not", "not a")
TEXTS = (
    ("The paint that she had chosen was not red", 9),
    ("After ten at night you may not enter", 8),
    ("The paint that she had chosen was red", 0),
    ("He tied the rope into a knot and left", 0),
)
