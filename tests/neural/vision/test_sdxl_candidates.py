"""Seeds are drawn in order until enough are fit; what came of each is told, shown, and can be drawn again."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from shared_schema.engine import Context
from shared_schema.errors import Cancelled, FaceError
from shared_schema.mesh import POINT_COUNT
from shared_schema.messages import Task
from shared_schema.stages import PortraitParams, Stage
from vision_worker.face import Face
from vision_worker.images import Pixels
from vision_worker.portrait import Framed
from vision_worker.sdxl.candidates import THUMBNAIL, Candidate, Judged, draw_until_fit
from vision_worker.sdxl.sheet import write_sheet

FACE = Face(np.zeros((POINT_COUNT, 3)))


def context(folder: Path = Path("/nowhere"), cancelled: threading.Event | None = None) -> Context:
    task = Task("test", 1, Stage.PORTRAIT, "sdxl", str(folder), {}, PortraitParams())
    return Context(task, cancelled=cancelled)


def plain(colour: int | Sequence[int], width: int = 64, height: int = 64) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


class Easel:
    """Draws a plain picture of each seed's own grey, and judges by a list of scores: None is not fit."""

    def __init__(self, *scores: float | None, first: int = 0) -> None:
        self.drawn: list[int] = []
        self.phases: list[str] = []
        self.looked_at: list[int] = []
        self._scores = scores
        self._first = first

    def draw(self, seed: int, phase: str) -> Pixels:
        self.drawn.append(seed)
        self.phases.append(phase)
        return plain(len(self.drawn))

    def judge(self, pixels: Pixels) -> Judged:
        number = int(pixels[0, 0, 0])
        self.looked_at.append(number)
        score = self._scores[number - 1]
        if score is None:
            return Judged(10.0, [f"Fault {number}.", "It smiles."], None, [])
        return Judged(score, [], Framed(plain(100 + number), FACE), [])

    def work(self, *, first: int = 0, count: int = 1, tries: int = 4) -> list[Candidate]:
        return draw_until_fit(self.draw, self.judge, context(), first=first, count=count, tries=tries)


def seeds(candidates: Sequence[Candidate]) -> list[int]:
    return [one.seed for one in candidates]


def test_the_first_that_is_fit_ends_the_drawing() -> None:
    easel = Easel(None, 50.0, 90.0)
    found = easel.work(first=7)
    assert easel.drawn == [7, 8]
    assert easel.looked_at == [1, 2]
    assert seeds(found) == [8, 7]
    assert [one.fit for one in found] == [True, False]


def test_the_phase_names_the_seed() -> None:
    easel = Easel(None, 50.0)
    easel.work(first=7)
    assert easel.phases == ["drawing seed 7", "drawing seed 8"]


def test_the_best_comes_first_and_the_unfit_last_as_they_were_drawn() -> None:
    easel = Easel(50.0, None, 90.0, None, 50.0, 70.0)
    assert seeds(easel.work(count=4)) == [2, 5, 0, 4, 1, 3]


def test_at_most_as_many_are_drawn_as_were_allowed() -> None:
    easel = Easel(50.0, *[None] * 20)
    found = easel.work(count=3, tries=2)
    assert easel.drawn == [0, 1, 2, 3, 4, 5]
    assert seeds(found) == [0, 1, 2, 3, 4, 5]
    assert sum(one.fit for one in found) == 1


def test_the_last_that_is_allowed_may_be_the_fit_one() -> None:
    assert seeds(Easel(None, None, 50.0).work(tries=3)) == [2, 0, 1]


def test_behind_the_largest_seed_comes_zero() -> None:
    easel = Easel(None, None, 50.0)
    easel.work(first=2**63 - 2)
    assert easel.drawn == [2**63 - 2, 2**63 - 1, 0]


def test_the_outcome_tells_seed_score_and_faults() -> None:
    found = Easel(None, 81.26).work(first=3)
    assert [(one.drawn.seed, one.drawn.score, one.drawn.faults) for one in found] == [
        (4, 81.3, []),
        (3, 10.0, ["Fault 1.", "It smiles."]),
    ]


def test_one_that_is_not_fit_is_refused_with_its_faults() -> None:
    with pytest.raises(FaceError) as caught:
        Easel(None).work(first=9, tries=1)
    assert caught.value.message == (
        "The picture that was drawn is not fit for lip-sync: seed 9: Fault 1. It smiles."
    )
    assert "--tries" in caught.value.hint


def test_of_many_that_are_not_fit_the_first_are_told_and_the_others_counted() -> None:
    with pytest.raises(FaceError) as caught:
        Easel(*[None] * 8).work(count=2)
    assert caught.value.message == (
        "None of 8 pictures is fit for lip-sync: seed 0: Fault 1. It smiles; seed 1: Fault 2. It smiles;"
        " seed 2: Fault 3. It smiles; and 5 more."
    )


def test_of_three_that_are_not_fit_all_are_told() -> None:
    with pytest.raises(FaceError, match=r"^None of 3 pictures .* seed 2: Fault 3\. It smiles\. Describe"):
        Easel(*[None] * 3).work(tries=3)


def test_a_cancelled_task_stops_before_the_next_look() -> None:
    told = threading.Event()
    easel = Easel(*[None] * 4)

    def draw(seed: int, phase: str) -> Pixels:
        if seed == 1:
            told.set()
        return easel.draw(seed, phase)

    with pytest.raises(Cancelled):
        draw_until_fit(draw, easel.judge, context(cancelled=told), first=0, count=1, tries=4)
    assert easel.drawn == [0, 1]
    assert easel.looked_at == [1]


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(512, 512, (256, 256)), (1024, 576, (144, 256)), (100, 200, (256, 128)), (5000, 3, (1, 256))],
)
def test_a_thumbnail_shows_the_whole_picture_small(width: int, height: int, shape: tuple[int, int]) -> None:
    def judge(pixels: Pixels) -> Judged:
        return Judged(50.0, [], Framed(pixels, FACE), [])

    def draw(_seed: int, _phase: str) -> Pixels:
        return plain((200, 100, 50), width, height)

    (found,) = draw_until_fit(draw, judge, context(), first=0, count=1, tries=1)
    assert found.thumbnail.shape == (*shape, 3)
    assert found.thumbnail[0, 0].tolist() == [200, 100, 50]


def test_a_thumbnail_shows_the_portrait_where_there_is_one_else_what_was_drawn() -> None:
    found = Easel(None, 50.0).work()
    assert [int(one.thumbnail[0, 0, 0]) for one in found] == [102, 1]


def candidate(
    seed: int, colour: Sequence[int], *, fit: bool = True, width: int = 256, height: int = 256
) -> Candidate:
    judged = Judged(100.0, [], Framed(plain(0), FACE), []) if fit else Judged(10.0, ["No."], None, [])
    return Candidate(seed, judged, plain(colour, width, height))


def candidates(number: int, unfit: int = 0) -> list[Candidate]:
    """Of a colour each, the longest seeds that there are."""
    return [
        candidate(2**63 - 1 - n, (13 * n % 256, 255 - 15 * n, 120), fit=n < number - unfit)
        for n in range(number)
    ]


def sheet(path: Path, shown: Sequence[Candidate]) -> Image.Image:
    write_sheet(path, shown)
    with Image.open(path) as image:
        assert image.format == "JPEG"
        return image.convert("RGB")


@pytest.mark.parametrize("number", [1, 2, 3, 5, 16, 17])
def test_the_sheet_shows_all_in_order_row_by_row(tmp_path: Path, number: int) -> None:
    shown = candidates(number, unfit=number // 3)
    page = np.asarray(sheet(tmp_path / "sheet.jpg", shown)).astype(int)
    columns = math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    cell_height, cell_width = (page.shape[0] - 12) // rows, (page.shape[1] - 12) // columns
    for place, one in enumerate(shown):
        top, left = 12 + place // columns * cell_height, 12 + place % columns * cell_width
        inner = page[top + 8 : top + THUMBNAIL - 8, left + 8 : left + THUMBNAIL - 8]
        assert np.abs(inner - one.thumbnail[0, 0]).max() <= 12, place  # JPEG's ringing at the edges
        # Around it is paper, on which the label is written below.
        assert page[top + 100, left - 6].min() > 225
        label = page[top + THUMBNAIL + 2 : top + THUMBNAIL + 20, left : left + THUMBNAIL]
        assert label.min() < 130, place


def test_no_label_reaches_into_the_next_picture_s_column(tmp_path: Path) -> None:
    page = np.asarray(sheet(tmp_path / "sheet.jpg", candidates(16, unfit=3)).convert("L"))
    for column in range(4):
        gap = page[:, 12 + column * (THUMBNAIL + 12) - 7 : 12 + column * (THUMBNAIL + 12) - 2]
        assert gap.min() > 225, column


def test_numbers_are_on_those_that_have_files_and_red_words_on_the_others(tmp_path: Path) -> None:
    fit = sheet(tmp_path / "1.jpg", [candidate(5, (9, 9, 9))])
    unfit = sheet(tmp_path / "2.jpg", [candidate(5, (9, 9, 9), fit=False)])
    labels = [np.asarray(page)[12 + THUMBNAIL + 2 : -10].astype(int) for page in (fit, unfit)]
    redness = [(label[..., 0] - label[..., 1]).max() for label in labels]
    assert redness[0] < 30
    assert redness[1] > 60
    assert ImageChops.difference(fit, unfit).getbbox() is not None


def test_a_picture_of_another_shape_stands_in_the_middle_of_its_place(tmp_path: Path) -> None:
    page = np.asarray(sheet(tmp_path / "sheet.jpg", [candidate(5, (0, 0, 200), width=256, height=144)]))
    middle = page[12 : 12 + THUMBNAIL, 12 + 128].astype(int)
    blue = np.flatnonzero(middle[:, 0] < 100)
    assert (blue[0], blue[-1]) == (56, 56 + 143)
