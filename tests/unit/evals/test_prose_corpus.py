from importlib.metadata import Distribution

import pytest

from evals.prose_corpus import is_prose, module_texts, prose_of, write_corpus
from tools.errors import BadInput

SENTENCE = "Return the mean of the values along an axis, which must not be empty."
OTHER = "An estimator is fitted to data, and a score says how well that went."


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        (SENTENCE, True),
        ("x : array_like\n    The values, one row for each sample, in any order.", True),
        (r".. math:: \frac{a}{b}", True),
        ("def f(x, y=3, **kwargs) -> int: return self._g(x) + y_0", False),
        ("Too short to tell.", False),
        (">>> print('this would be a line of words but for the prompt')", False),
        ("| a | 1.0 | b | 2.0 | and | some | 3.5 | x |", False),
        ("", False),
    ],
)
def test_what_reads_as_prose(paragraph, expected):
    assert is_prose(paragraph) is expected


def test_a_paragraph_is_kept_once_however_it_is_laid_out():
    seen: set[str] = set()
    assert prose_of(f"{SENTENCE}\n\n    {OTHER}\n\n{SENTENCE.replace(' values', chr(10) + 'values')}", seen) == (
        f"{SENTENCE}\n\n    {OTHER}"
    )
    assert prose_of(SENTENCE, seen) == ""


def test_fenced_code_is_left_out():
    text = f"{SENTENCE}\n\n```python\nthe words in here are many and look like prose\n```\n\n{OTHER}"
    assert prose_of(text, set()) == f"{SENTENCE}\n\n{OTHER}"


def test_docstrings_and_other_long_strings_of_a_module():
    source = (
        b'"""One\nmodule."""\nX = "one line"\ndef f():\n    """Two\n    lines."""\nadd_doc(f, r"""Three\nlines.""")\n'
    )
    assert sorted(module_texts(source)) == ["One\nmodule.", "Three\nlines.", "Two\n    lines."]
    assert list(module_texts(b"def broken(:")) == []
    assert list(module_texts(b'x = """an \\d escape\nthat Python warns of"""')) == [
        "an \\d escape\nthat Python warns of"
    ]


@pytest.fixture
def package(tmp_path):
    body = "\n\n".join(f"{SENTENCE} This is part {n} of the text, and no other is like it." for n in range(8))
    files = {
        "demo/__init__.py": f'"""{body}"""\n',
        "demo/small.py": '"""Two\nlines."""\n',
        "demo/tests/test_it.py": f'"""{body.replace("part", "test")}"""\n',
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    info = tmp_path / "demo-1.0.dist-info"
    info.mkdir()
    readme = body.replace("part", "chapter")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n{readme}\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    return Distribution.at(info), body, readme


def test_a_package_becomes_a_file_a_module(package, tmp_path):
    distribution, body, readme = package
    out = tmp_path / "out"
    n_characters = write_corpus([distribution], out)
    written = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*.txt")}
    assert written == {"demo/demo/__init__.txt": body + "\n", "demo/README.txt": readme + "\n"}
    assert n_characters == sum(map(len, written.values()))
    with pytest.raises(BadInput, match="not empty"):
        write_corpus([distribution], out)
