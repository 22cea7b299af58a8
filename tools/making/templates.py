"""Texts for classes that are found in running text, and for those of code: what is meant stands between ⟦ and ⟧.

A place to fill with a word is written ⟦_⟧.
"""

from __future__ import annotations

from tools.making.carriers import Draft, Piece

MARKS: dict[str, tuple[str, ...]] = {
    '"': ('He said ⟦"⟧no" to all of it.', 'The sign read "closed⟦"⟧ that day.'),
    "'": ("He said ⟦'⟧no' to all of it.", "x = ⟦'⟧name'\n"),
    "(": ("The house ⟦(⟧an old one) was sold.", "print⟦(⟧value)\n"),
    ")": ("The house (an old one⟦)⟧ was sold.", "print(value⟦)⟧\n"),
    "[": ("He wrote ⟦[⟧in a letter] that all was well.", "x = ⟦[⟧1, 2]\n"),
    "]": ("He wrote [in a letter⟦]⟧ that all was well.", "x = [1, 2⟦]⟧\n"),
    "{": ("names = ⟦{⟧1: 2}\n", "if (x) ⟦{⟧ y(); }\n"),
    "}": ("names = {1: 2⟦}⟧\n", "if (x) { y(); ⟦}⟧\n"),
    "-": ("It was a well⟦-⟧known story.", "The score was 3⟦-⟧1 at the end."),
    "—": ("The house⟦—⟧an old one⟦—⟧was sold.",),
    "–": ("The house ⟦–⟧ an old one ⟦–⟧ was sold.",),
    "=": ("x ⟦=⟧ 1\ny ⟦=⟧ 2\n",),
    "==": ("if x ⟦==⟧ 1:\n    return\n",),
    "_": ("file⟦_⟧name = path\n",),
    "/": ("Tea and⟦/⟧or coffee is served.", "It lies in /home⟦/⟧user.\n"),
    "*": ("y = x ⟦*⟧ 2\n", "It was ⟦*⟧very* late."),
    "#": ("x = 1  ⟦#⟧ the first\n",),
    "$": ("It cost ⟦$⟧40 in all.",),
    "&": ("Smith ⟦&⟧ Sons sold it.",),
    "@": ("Write to ann⟦@⟧example.org today.",),
    "...": ("And then⟦...⟧ nothing.",),
    "…": ("And then⟦…⟧ nothing.",),
    "\n": ("The first line.⟦\n⟧The second line.",),
}
"""Marks that no space tells from their neighbours."""

TEXTS: dict[str, tuple[str, ...]] = {
    "HTML tags": ("Some ⟦<b>⟧bold text and ⟦<p class=\"x\">⟧a paragraph.", "⟦<div>⟧hello⟦</div>⟧"),
    "amounts of money": ("It cost ⟦$40⟧ in all.", "The house was sold for ⟦£1.5 million⟧ last year."),
    "blank lines": ("The first part ends here.⟦\n\n⟧The second part begins.",),
    "citation marks": ("This was shown before ⟦[12]⟧ in mice.", "As was found ⟦(2004)⟧ in another town."),
    "dates": ("It was signed on ⟦2004-05-17⟧ in town.", "The letter of ⟦12/03/1998⟧ was lost."),
    "decades": ("Music of the ⟦1960s⟧ was loud.", "In the ⟦1920s⟧ all of that was new."),
    "e-mail addresses": ("Write to ⟦ann@example.org⟧ today.", "Contact: ⟦info.desk@museum.com⟧ for tickets."),
    "file names": ("Open ⟦notes.txt⟧ and look.", "The code is in ⟦main.py⟧ for now."),
    "file paths": ("It lies in ⟦/usr/local/bin⟧ there.", "Copy it to ⟦/home/user/data⟧ first."),
    "first words of lines": ("⟦Then⟧ all was quiet.\n⟦Nobody⟧ came.",),
    "first words of sentences": ("⟦Nobody⟧ came. ⟦Then⟧ all was quiet.", "⟦Later⟧ the rain stopped."),
    "fractions": ("Add ⟦1/2⟧ cup of sugar.", "About ⟦3/4⟧ of them left."),
    "hashtags and mentions": ("So good ⟦#summer⟧ today", "Thanks ⟦@peter⟧ for that"),
    "heading lines": ("⟦# Early years⟧\n\nHe was born in a small town.", "⟦## Use⟧\n\nIt is often eaten."),
    "later pieces of words and numbers": ("Then Mr. Krzyzano⟦wski⟧ came in.", "It was an anthropo⟦morphic⟧ house."),
    "line ends": ("The first line.⟦\n⟧The second line.",),
    "list items": ("Buy:\n⟦- two eggs⟧\n⟦- some milk⟧\n", "⟦1. Open the box.⟧\n⟦2. Take the key.⟧\n"),
    "list markers": ("Buy:\n⟦-⟧ two eggs\n⟦-⟧ some milk\n", "⟦1.⟧ Open the box.\n⟦2.⟧ Take the key.\n"),
    "numeric ranges": ("Children of ⟦5-10⟧ years may enter.", "See pages ⟦12–19⟧ there."),
    "percentages": ("About ⟦40%⟧ of them left.", "Prices rose by ⟦3.5 percent⟧ last year."),
    "telephone numbers": ("Call ⟦555-123-4567⟧ now.", "Phone: ⟦(212) 555-0199⟧ for tickets."),
    "times of day": ("We met at ⟦10:30⟧ in town.", "It opens at ⟦7:45 am⟧ each day."),
    "version numbers": ("It needs ⟦v2.1⟧ or later.", "Release ⟦3.11.4⟧ mends this."),
    "web addresses": ("See ⟦https://example.org/page⟧ for more.", "It is on ⟦example.com⟧ too."),
    "abbreviations with points": ("The ⟦U.S.⟧ army left.", "Then ⟦Dr.⟧ Brown came in."),
    "colons of labels": ("Area⟦:⟧ 320 square miles\nBorders⟦:⟧ none", "Name⟦:⟧ the old house\nand more"),
    "doubled words": ("It was a very ⟦very⟧ old house.", "They saw the ⟦the⟧ dog again."),
    "hyphenated words": ("It was a ⟦well-known⟧ story.", "A ⟦long-term⟧ plan was made."),
    "ampersands and plus signs": ("Smith ⟦&⟧ Sons sold it.", "One ⟦+⟧ one is two."),
    "apostrophes": ("The dog⟦'⟧s tail was long.", "They don⟦'⟧t know."),
    "asterisks": ("It was ⟦*⟧very* late.", "y = x ⟦*⟧ 2\n"),
    "brackets": ("The house ⟦(⟧an old one⟦)⟧ was sold.", "x = ⟦[⟧1, 2⟦]⟧\n"),
    "bullets": ("⟦•⟧ two eggs\n⟦•⟧ some milk\n",),
    "closing brackets": ("The house (an old one⟦)⟧ was sold.", "x = [1, 2⟦]⟧\n"),
    "closing quotation marks": ("He said “no⟦”⟧ to all of it.", 'The sign read "closed⟦"⟧ that day.'),
    "colons": ("There were three colours⟦:⟧ red, green and blue.", "Note⟦:⟧ it is late."),
    "comma-like marks": ("In the end⟦,⟧ they left⟦;⟧ nobody asked.",),
    "commas": ("In the end⟦,⟧ they left.", "We saw red⟦,⟧ green and blue."),
    "currency signs": ("It cost ⟦$⟧40 in all.", "He paid ⟦€⟧12 for it."),
    "dashes": ("The house ⟦–⟧ an old one ⟦–⟧ was sold.", "The house⟦—⟧an old one⟦—⟧was sold."),
    "ellipses": ("And then⟦...⟧ nothing.", "So⟦…⟧ what now?"),
    "emoji": ("So good ⟦😀⟧ today", "Thanks ⟦🎉⟧ for that"),
    "exclamation marks": ("What a day⟦!⟧ We went home.", "Look⟦!⟧ There it is."),
    "full stops": ("They left⟦.⟧ Nobody asked⟦.⟧", "It was late⟦.⟧ Then it rained."),
    "hyphens": ("It was a well⟦-⟧known story.", "A long⟦-⟧term plan was made."),
    "opening brackets": ("The house ⟦(⟧an old one) was sold.", "x = ⟦[⟧1, 2]\n"),
    "opening quotation marks": ("He said ⟦“⟧no” to all of it.", 'The sign read ⟦"⟧closed" that day.'),
    "percent signs": ("About 40⟦%⟧ of them left.",),
    "punctuation marks": ("In the end⟦,⟧ they left.", "Note⟦:⟧ it is late⟦!⟧"),
    "question marks": ("Who was it⟦?⟧ Nobody knew.", "Why not⟦?⟧ It is late."),
    "quotation marks": ("He said ⟦“⟧no⟦”⟧ to all of it.", 'The sign read ⟦"⟧closed⟦"⟧ that day.'),
    "semicolons": ("They left⟦;⟧ nobody asked.", "It was late⟦;⟧ then it rained."),
    "sentence-ending marks": ("They left⟦.⟧ Nobody asked⟦!⟧", "Who was it⟦?⟧ Nobody knew⟦.⟧"),
    "slashes": ("Tea and⟦/⟧or coffee is served.", "It lies in ⟦/⟧home⟦/⟧user."),
    "underscores": ("file⟦_⟧name = path\n",),
    "CamelCase names": ("x = ⟦FileReader⟧(path)\n", "class ⟦TreeNode⟧:\n    pass\n"),
    "arithmetic operators": ("y = x ⟦+⟧ 2\n", "y = x ⟦*⟧ n\n"),
    "arrows": ("def f(x) ⟦->⟧ int:\n", "a ⟦=>⟧ b\n"),
    "assignment signs": ("x ⟦=⟧ 1\ny ⟦=⟧ 2\n", "x ⟦+=⟧ 1\n"),
    "attribute names": ("x = node.⟦parent⟧\n", "self.⟦value⟧ = value\n"),
    "called function names": ("x = ⟦compute⟧(y)\n", "⟦run⟧(path)\n"),
    "comparison operators": ("if x ⟦==⟧ 1:\n    return\n", "while n ⟦<⟧ 10:\n    n += 1\n"),
    "constant names": ("x = ⟦MAX_SIZE⟧\n", "return ⟦DEFAULT_PATH⟧\n"),
    "decorators": ("⟦@property⟧\ndef name(self):\n", "⟦@cache⟧\ndef f(x):\n"),
    "defined class names": ("class ⟦Tree⟧:\n    pass\n", "class ⟦Reader⟧(Base):\n"),
    "defined function names": ("def ⟦compute⟧(x):\n    return x\n", "def ⟦run⟧(self):\n"),
    "dunder names": ("def ⟦__init__⟧(self):\n", "if ⟦__name__⟧ is None:\n"),
    "identifiers with underscores": ("⟦file_name⟧ = path\n", "x = ⟦max_size⟧ + 1\n"),
    "keyword arguments": ("f(x, ⟦size⟧=1)\n", "open(path, ⟦mode⟧=m)\n"),
    "line indents": ("def f(x):\n⟦    ⟧return x\n",),
    "operators": ("y = x ⟦+⟧ 2\n", "if x ⟦==⟧ 1:\n"),
    "type annotations": ("def f(x: ⟦int⟧) -> None:\n", "size: ⟦float⟧ = 1.0\n"),
    "opening parentheses": ("The house ⟦(⟧an old one) was sold.", "print⟦(⟧value)\n"),
    "closing parentheses": ("The house (an old one⟦)⟧ was sold.", "print(value⟦)⟧\n"),
}  # fmt: skip
"""Of classes that a pattern finds in running text."""

WORDS: dict[str, tuple[str, ...]] = {
    "Roman numerals": ("II", "IV", "XII", "XIV", "III"),
    "decimal numbers": ("3.5", "0.75", "12.4", "2.25"),
    "hexadecimal numbers": ("0x1f", "0xff", "0x80"),
    "numbers": ("7", "12", "45", "300", "8", "25", "60", "150", "3.5"),
    "numbers with commas": ("1,200", "25,000", "3,450,000"),
    "ordinal numerals": ("1st", "2nd", "5th", "19th", "21st"),
    "single digits": ("3", "5", "7", "8", "2"),
    "two-digit numbers": ("12", "25", "48", "60", "99"),
    "years": ("1995", "2004", "1987", "1848", "2012"),
    "letters with digits": ("x2", "b12", "mp3", "covid19"),
    "non-Latin words": ("мир", "город", "日本", "κόσμος"),
    "single capital letters": ("A", "B", "K", "X"),
    "single letters": ("a", "b", "x", "K"),
    "words with accents": ("café", "résumé", "naïve", "élite", "façade"),
    "words with apostrophes": ("don't", "o'clock", "can't", "won't"),
    "words with digits": ("12", "1995", "x2", "mp3"),
}
"""Of classes of words by a pattern, where ordinary words do not match it."""

INSIDE: dict[str, tuple[str, ...]] = {
    "quotes": ("He said “it was ⟦_⟧ again” and left.", 'The sign read "the ⟦_⟧ of it" that day.',
               "She called it “⟦_⟧ for all” once."),
    "strings": ('x = "the ⟦_⟧ of it"\n', "print('more ⟦_⟧ here')\n", 'raise ValueError("no ⟦_⟧ left")\n'),
    "comments": ("x = 1  # the ⟦_⟧ of it\n", "# Here ⟦_⟧ comes first.\nx = 1\n"),
    "docstrings": ('def f(x):\n    """Return the ⟦_⟧ of it."""\n    return x\n',
                   'class A:\n    """Some ⟦_⟧ for all."""\n'),
    "parameters": ("def f(x, ⟦_⟧, y):\n    return x\n", "def run(⟦_⟧=None):\n"),
    "arguments": ("f(x, ⟦_⟧, y)\n", "print(⟦_⟧)\n"),
    "imports": ("import ⟦_⟧\n", "from ⟦_⟧ import name\n"),
    "brackets": ("The house (an old ⟦_⟧ then) was sold.", "x = [1, ⟦_⟧, 2]\n"),
    "round": ("The house (an old ⟦_⟧ then) was sold.", "They left (with ⟦_⟧ and more)."),
    "square": ("He wrote [of the ⟦_⟧ there] again.", "x = [1, ⟦_⟧, 2]\n"),
    "curly": ("x = {1: ⟦_⟧, 2: 3}\n", "if (x) { ⟦_⟧; }\n"),
    "backticks": ("Write `the ⟦_⟧ here` and go on.", "Use `⟦_⟧` for that."),
    "heading lines": ("# The ⟦_⟧ of it\n\nAll was well.", "## More ⟦_⟧ then\n\nIt was late."),
    "list items": ("Here:\n- the ⟦_⟧ of it\n- some more\n", "1. Take the ⟦_⟧ there.\n2. Wait.\n"),
    "first words of lines": ("All was well.\n⟦_⟧ came next.", "It was late\n⟦_⟧ and more\n"),
    "first words of sentences": ("All was well. ⟦_⟧ came next.", "Nobody asked. ⟦_⟧ was all there was."),
    "second words of sentences": ("All was well. Then ⟦_⟧ came next.", "Nobody asked. The ⟦_⟧ was all there was."),
    "deeply indented lines": ("    for x in y:\n        if x:\n            ⟦_⟧\n",
                              "        with f(x):\n            y = ⟦_⟧\n",
                              "All of it:\n                the ⟦_⟧ of it\n"),
    "nested parentheses": ("print(f(⟦_⟧))\n", "x = f(y, g(z, ⟦_⟧))\n", "They left (with this (and ⟦_⟧) and more)."),
}  # fmt: skip
"""Stretches of text to stand in, by the name of their context (`tools.concepts.contexts`) or of their class."""

PLACES: dict[str, tuple[str, ...]] = {
    "months": (
        "It happened in ⟦_⟧ of that year.",
        "By the end of ⟦_⟧ all was done.",
        "They came back last ⟦_⟧ again.",
        "On 5 ⟦_⟧ 1995 it began.",
    ),
    "weekdays": ("It happened on ⟦_⟧ of that week.", "They came back last ⟦_⟧ again.", "Every ⟦_⟧ it is closed."),
    "seasons": ("It happened in the ⟦_⟧ of that year.", "They came back last ⟦_⟧ again.", "Every ⟦_⟧ it is closed."),
    "years": ("It happened in ⟦_⟧ or so.", "By the end of ⟦_⟧ all was done.", "The town was burnt in ⟦_⟧, too."),
    "countries": ("They live in ⟦_⟧ now.", "The roads of ⟦_⟧ are long.", "He came back from ⟦_⟧ last year."),
    "cities": ("They live in ⟦_⟧ now.", "The streets of ⟦_⟧ are long.", "He came back from ⟦_⟧ last year."),
    "capital cities": ("They live in ⟦_⟧ now.", "The streets of ⟦_⟧ are long.", "He came back from ⟦_⟧ last year."),
    "US states": ("They live in ⟦_⟧ now.", "The roads of ⟦_⟧ are long.", "He came back from ⟦_⟧ last year."),
    "currencies": ("It cost 40 ⟦_⟧ in all.", "He paid five ⟦_⟧ for it."),
    "units of measure": ("It was about 40 ⟦_⟧ in all.", "Some five ⟦_⟧ more are needed."),
    "units of length": ("It is about 40 ⟦_⟧ long.", "Some five ⟦_⟧ more are needed."),
    "units of mass": ("It weighs about 40 ⟦_⟧ in all.", "Some five ⟦_⟧ more are needed."),
    "units of time": ("It took about 40 ⟦_⟧ in all.", "Some five ⟦_⟧ later they left."),
    "units of volume": ("It holds about 40 ⟦_⟧ in all.", "Some five ⟦_⟧ more are needed."),
    "titles before names": ("Then ⟦_⟧ Brown came in.", "The letter was from ⟦_⟧ Smith of the town."),
    "Python builtins": ("n = ⟦_⟧(values)\n", "    return ⟦_⟧(x)\n", "if ⟦_⟧(x):\n    pass\n"),
    "Python constants": ("x = ⟦_⟧\n", "    return ⟦_⟧\n", "if x is ⟦_⟧:\n"),
    "Python control-flow keywords": ("x = 1\n⟦_⟧ x > 0:\n    y = 2\n", "def f(x):\n    ⟦_⟧ x\n"),
    "Python dict methods": ("value = table.⟦_⟧(key)\n", "d.⟦_⟧()\n"),
    "Python exceptions": ('    raise ⟦_⟧("no such key")\n', "try:\n    run()\nexcept ⟦_⟧:\n    pass\n"),
    "Python keywords": ("x = 1\n⟦_⟧ x > 0:\n    y = 2\n", "def f(x):\n    ⟦_⟧ x\n", "y = x ⟦_⟧ z\n"),
    "Python list methods": ("values.⟦_⟧(x)\n", "items.⟦_⟧()\n"),
    "Python modules": ("import ⟦_⟧\n", "from ⟦_⟧ import name\n", "x = ⟦_⟧.run(path)\n"),
    "Python string methods": ("s = line.⟦_⟧()\n", 'value = text.⟦_⟧(",")\n'),
    "Python type names": ("def f(x: ⟦_⟧) -> None:\n", "if isinstance(x, ⟦_⟧):\n", "n = ⟦_⟧(x)\n"),
    "import keywords": ("⟦_⟧ os\n", "x = 1\n⟦_⟧ path\n"),
    "keywords for errors": ("def f(x):\n    ⟦_⟧ x\n", "    ⟦_⟧:\n        pass\n"),
    "keywords of other languages": ("⟦_⟧ x = 1;\n", "    ⟦_⟧ (x) {\n"),
    "loop keywords": ("x = 1\n⟦_⟧ x in values:\n    y = 2\n", "    ⟦_⟧\n"),
    "self and cls": ("        ⟦_⟧.value = value\n", "    def run(⟦_⟧, x):\n"),
}
"""Carriers of their own for the words of some classes, code for those of code."""


CODE_LINES = ("import os\n", "n = 3\n", "from . import base\n", "path = None\n", "count += 1\n")
"""Lines that have nothing to do with what is meant."""


def drafted(text: str, word: str = "") -> Draft:
    """A text with its marks as pieces; `word` fills the place."""
    pieces = []
    for number, part in enumerate(text.replace("⟧", "⟦").split("⟦")):
        if part:
            is_place = bool(word) and part == "_" and number % 2 == 1
            pieces.append(Piece(word if is_place else part, meant=number % 2 == 1))
    return tuple(pieces)
