"""How true a text is to its reference, and the command that measures folders of files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.evaluate_extraction import extract
from app.services.measure_extraction import Extraction, measure_extraction
from rag.extract.fidelity import character_overlap, folded, pages_right, rows_intact, word_overlap
from rag.passages import Page

TABLE = "| Year | Rate |\n| --- | --- |\n| 2023 | 0.965 |\n| 2024 | 0.970 |\n"


def test_marks_white_space_and_forms_of_a_character_make_no_difference() -> None:
    marked = "# The *ﬁrst* [page](http://x.example/a_(b))\n\n- one\\_two &amp; <!-- image -->"
    assert folded(marked) == folded("The first page\none_two & ")


def test_a_copy_is_whole_a_half_is_half_and_a_foreign_text_is_nothing() -> None:
    text = "".join(chr(0x4E00 + place) for place in range(400))
    half = character_overlap(text[:200], text)
    assert (character_overlap(text, text).f1, half.precision) == (1.0, 1.0)
    assert half.recall == pytest.approx(0.5, abs=0.01)
    assert (character_overlap("nothing alike", text).f1, word_overlap("nothing alike", text).f1) == (0.0, 0.0)


def test_what_is_repeated_counts_no_more_than_in_the_reference() -> None:
    assert character_overlap("the rain in Spain " * 3, "the rain in Spain").precision < 0.4


def test_words_count_in_runs_of_four() -> None:
    found = word_overlap("one two three four FIVE, nine", "one two three four five six")
    assert (found.recall, found.precision) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_a_row_is_intact_with_all_its_cells_in_one_line_and_in_order() -> None:
    assert rows_intact(TABLE, TABLE) == (3, 3)
    assert rows_intact("Year Rate\n0.965 2023\n2024\n0.970", TABLE) == (1, 3)


def test_a_page_is_right_when_it_shows_the_text_itself() -> None:
    pages = [Page("In 1868 it was patented.", 1), Page("Later.", 2)]
    assert pages_right(pages, ["1868"], [1, 3]) and not pages_right(pages, ["1868"], [2])


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "gold").mkdir()
    (tmp_path / "files/a.csv").write_text("Year,Rate\n2023,0.965\n2024,0.970\n")
    (tmp_path / "gold/a.csv.md").write_text(TABLE)
    (tmp_path / "files/b.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "files/c.bin").write_bytes(bytes(range(256)))
    rows = [("name", "class", "gold"), ("a.csv", "ok", "gold/a.csv.md"), ("b.pdf", "ok", "-")]
    lines = ["\t".join(row) for row in (*rows, ("c.bin", "unsupported", "-"))]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(lines))
    return tmp_path


async def measured(folder: Path) -> Extraction:
    return await measure_extraction(folder, lambda *_: None)


async def test_a_set_with_classes_tells_what_ended_as_asked_and_how_true_it_is(docs: Path) -> None:
    found = await measured(docs)
    assert (found.all.files, found.all.synced, found.all.as_asked) == (3, 1, 2)
    ok = found.classes["ok"]
    assert ok.characters is not None and (ok.characters.recall, ok.characters.files) == (1.0, 1)
    assert (ok.rows_intact, found.classes["unsupported"].synced) == ((3, 3), 0)
    assert "damaged" in next(iter(ok.reasons))
    assert all(each.seconds > 0 and each.peak_mb > 1 for each in found.documents)


async def test_any_folder_is_measured_by_its_kinds_of_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.md").write_text("# Title\n\ntext")
    (tmp_path / ".hidden").write_text("x")
    found = await measured(tmp_path)
    assert [(each.name, each.kind, each.status) for each in found.documents] == [("sub/a.md", "md", "synced")]
    assert found.all.characters is None and found.all.as_asked is None


async def test_pages_with_a_main_text_are_compared_with_it(tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    story = "The council met on Monday and agreed on a plan for the old harbour. " * 8
    (tmp_path / "html/x.html").write_text(f"<html><body><article><p>{story}</p></article></body></html>")
    (tmp_path / "ground-truth.json").write_text(
        json.dumps({"x": {"articleBody": story}, "gone": {"articleBody": ""}})
    )
    words = (await measured(tmp_path)).all.words
    assert words is not None and (words.f1, words.files) == (1.0, 1)


def test_the_command_prints_tables_or_json(docs: Path) -> None:
    shown = CliRunner().invoke(extract, [str(docs)])
    assert shown.exit_code == 0 and "unsupported" in shown.output and "type is unknown" in shown.output
    parsed = json.loads(CliRunner().invoke(extract, [str(docs), "--json"]).output)
    assert parsed["all"]["files"] == 3 and parsed["documents"][0]["status"] == "synced"
