"""The one worked example of all prompts: made up, short, and of no real neuron."""

from __future__ import annotations

EXPLANATION = "the word after 'not'"

TOKENS = ("It", " is", " not", " red", ",\n")
LEVELS = (0, 0, 0, 9, 0)

SILENT_TOKENS = ("A", " red", " hat")
SILENT_LEVELS = (0, 0, 0)

FORM = "what stood before"
WORDS = ("is not", "may not", "not a")
TEXTS = (("It is not red", 9), ("You may not enter", 8), ("It is red", 0), ("A knot red", 0))
