"""Write a corpus of English technical prose with formulas, from the documentation inside installed packages.

    python -m evals.prose_corpus --out prose

Nothing is fetched: the text is the docstrings and the descriptions of packages that every installation of this project
has, one file a module. Code (examples, signatures, tables) and repeated paragraphs are left out. The packages and
versions are printed; other versions give another corpus.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tools.errors import BadInput

PACKAGES = (
    "joblib", "matplotlib", "mpmath", "networkx", "numpy", "pandas", "scikit-learn", "scipy", "sympy", "torch",
)  # fmt: skip
MIN_WORDS_SHARE = 0.6
MIN_PARAGRAPH_WORDS = 6
MIN_TEXT_CHARACTERS = 400

_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_FENCED = re.compile(r"^([ \t]*)(```|~~~).*?^[ \t]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[(\"'`*]*[A-Za-z][a-z]*(?:['’-][a-z]+)*[\"'`*]*[.,;:!?)]*")
_FORMULA = re.compile(r"\\[a-z]{2,}")
_EXAMPLE = re.compile(r"^\s*(>>>|\.\.\. |In \[|\$ )", re.MULTILINE)


def is_prose(paragraph: str) -> bool:
    """Whether a paragraph reads as English: enough words, or a formula in TeX; never an example of code."""
    if _EXAMPLE.search(paragraph):
        return False
    pieces = paragraph.split()
    n_words = sum(_WORD.fullmatch(piece) is not None for piece in pieces)
    return bool(_FORMULA.search(paragraph)) or n_words >= max(MIN_PARAGRAPH_WORDS, MIN_WORDS_SHARE * len(pieces))


def prose_of(text: str, seen: set[str]) -> str:
    """The paragraphs of `text` that read as prose and are not in `seen`, to which they are added."""
    kept = []
    for paragraph in _PARAGRAPHS.split(_FENCED.sub("", inspect.cleandoc(text))):
        key = " ".join(paragraph.split())
        if is_prose(paragraph) and key not in seen:
            seen.add(key)
            kept.append(paragraph.rstrip())
    return "\n\n".join(kept)


def module_texts(source: bytes) -> Iterator[str]:
    """Every string literal of several lines in a module, its docstrings among them; none if it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            yield node.value


def package_texts(package: Distribution, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of a package's description and of its modules, tests left out."""
    found = [("README", [str(package.metadata.json.get("description", ""))])]
    for file in sorted(package.files or ()):
        is_test = any(part in ("test", "tests", "testing") or part.startswith("test_") for part in file.parts)
        if file.suffix == ".py" and not is_test:
            found.append((file.as_posix().removesuffix(".py"), list(module_texts(Path(file.locate()).read_bytes()))))
    for name, texts in found:
        text = "\n\n".join(filter(None, (prose_of(text, seen) for text in texts)))
        if len(text) >= MIN_TEXT_CHARACTERS:
            yield f"{package.name}/{name}.txt", text + "\n"


def write_corpus(packages: Iterable[Distribution], folder: Path) -> int:
    """Write the texts of `packages` into `folder`; returns the number of characters.

    Raises:
        BadInput: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: name a new folder.")
    seen: set[str] = set()
    n_characters = 0
    for package in packages:
        for name, text in package_texts(package, seen):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace")
            n_characters += len(text)
    return n_characters


def main() -> None:
    """Write the corpus of the packages that are installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    folder = parser.parse_args().out
    packages = []
    for name in PACKAGES:
        try:
            packages.append(distribution(name))
        except PackageNotFoundError:
            print(f"{name} is not installed: left out")
    n_characters = write_corpus(packages, folder)
    print(f"{n_characters:,} characters of prose from", ", ".join(f"{p.name} {p.version}" for p in packages))


if __name__ == "__main__":
    main()
