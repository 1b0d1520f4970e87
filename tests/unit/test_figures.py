"""Figures in cells of tables, and numbers that are names of columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.figures import count_up, is_figure, is_year


@pytest.mark.parametrize(
    "cell", ["7", "1,234.5", "(3.1)%", "-27", "−4", "$ 90", "€12", "12 €", "1 234", "3’000", "2024"]
)
def test_a_number_with_its_sign_currency_and_percent_is_a_figure(cell: str) -> None:
    assert is_figure(cell)


@pytest.mark.parametrize("cell", ["", "-", "Q1", "GS-13", "12 km", "$", "2023/24"])
def test_other_cells_are_no_figures(cell: str) -> None:
    assert not is_figure(cell) and not is_year(cell)


@given(st.integers(0, 900), st.integers(3, 50))
def test_three_numbers_that_rise_by_one_count_up_and_no_others(first: int, length: int) -> None:
    cells = [str(number) for number in range(first, first + length)]
    assert count_up(cells)
    assert not count_up([*cells, cells[0]]) and not count_up([*cells, "1.5"])


@pytest.mark.parametrize(
    ("cells", "rise"), [("01", True), ("12", True), ("23", False), ("13", False), ("1", False)]
)
def test_two_numbers_count_up_from_their_beginning_alone(cells: str, *, rise: bool) -> None:
    assert count_up([*cells]) == rise
