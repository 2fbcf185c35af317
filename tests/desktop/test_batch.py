"""Batches: laws of the queue without Qt, see also `test_batch_window`."""

import pytest
from test_session import Table

from texot.desktop.settings import SynthesisSettings, TileSettings

PATHS = ["/photos/a.jpg", "/photos/b.jpg", "/photos/c.jpg"]


def of(path: str) -> TileSettings:
    return TileSettings(path)


@pytest.fixture
def table() -> Table:
    found = Table()
    found.session.batch.add(PATHS, of)
    return found


def images(table: Table) -> list[str]:
    return [run["job"]["files"]["image"] for run in table.runs]


def states(table: Table) -> list[str]:
    return [row.state for row in table.session.batch.rows]


def small(table: Table) -> None:
    table.done(size=[256, 192], whole=[4000, 3000])


def test_images_are_made_in_order_and_rows_tell_their_states(table: Table) -> None:
    batch, session = table.session.batch, table.session
    assert states(table) == ["running", "waiting", "waiting"]
    small(table)
    assert states(table) == ["done", "running", "waiting"]
    table.state(5)
    assert batch.label(batch.rows[1]) == "b.jpg: 50 %"
    table.answer("error", number=table.runs[-1]["id"], text="b.jpg is damaged")
    assert batch.label(batch.rows[1]) == "b.jpg: failed, b.jpg is damaged"
    assert not batch.is_over
    small(table)
    assert images(table) == PATHS
    assert batch.is_over
    assert batch.summary == "2 of 3 done, 1 failed"
    assert [result.size for result in session.results] == [(4000, 3000)] * 2
    assert session.selected is None, "what is looked at stays"
    batch.clear()
    assert not batch.rows
    assert len(session.results) == 2


def test_what_the_user_asks_for_goes_before_the_batch(table: Table) -> None:
    table.open("/mine.png")
    table.session.generate(SynthesisSettings("/mine.png"))
    small(table)
    table.done()
    assert images(table) == [PATHS[0], "/mine.png", PATHS[1]]
    assert table.session.selected is table.session.results[1], "the user's own result is shown"


def test_a_live_draft_leaves_the_batch_alone(table: Table) -> None:
    table.open("/mine.png")
    table.session.generate(SynthesisSettings("/mine.png"), replace_running=True)
    assert not table.worker.stopped
    assert states(table) == ["running", "waiting", "waiting"]


def test_stopping_the_batch_leaves_what_the_user_asked_for(table: Table) -> None:
    table.open("/mine.png")
    table.session.generate(SynthesisSettings("/mine.png"))
    table.session.batch.stop()
    assert table.worker.stopped == [table.runs[0]["id"]]
    assert states(table) == ["running", "stopped", "stopped"]
    table.done(step=5)
    assert states(table) == ["stopped"] * 3
    assert not table.session.results
    assert images(table) == [PATHS[0], "/mine.png"]


def test_stop_ends_all(table: Table) -> None:
    table.session.stop()
    assert states(table) == ["running", "stopped", "stopped"]
    table.done(step=5, size=[256, 192], whole=[4000, 3000])
    assert states(table) == ["stopped"] * 3
    assert table.session.running is None


def test_a_crash_of_the_worker_is_told_in_each_row(table: Table) -> None:
    table.session.worker_ended("the worker crashed")
    assert states(table) == ["failed"] * 3
    assert table.session.batch.is_over


def test_pictures_are_small_until_somebody_looks(table: Table) -> None:
    session = table.session
    assert table.runs[0]["side"] == 256
    small(table)
    (result,) = session.results
    assert result.is_thumbnail
    session.select(result)
    assert session.selected is None
    table.answer("opened", "photograph", path=PATHS[0], size=[4000, 3000])
    table.answer("opened", "large", path=result.file, size=[4000, 3000])
    assert session.selected is result
    assert (result.picture, session.image.picture) == ("large", "photograph")
    assert session.image.path == PATHS[0]
    session.select(result)
    assert session.selected is result


def test_what_waits_is_told_before_it_is_lost(table: Table) -> None:
    assert table.session.saves.unsaved() == ["2 images that wait", "what is made now"]


def test_a_result_is_shown_though_its_image_is_gone(table: Table) -> None:
    small(table)
    (result,) = table.session.results
    table.session.select(result)
    table.answer("error", text="no such file")
    table.answer("opened", "large", path=result.file, size=[4000, 3000])
    assert table.session.selected is result
    assert result.picture == "large"


def test_removing_what_is_shown_selects_the_next_once_it_is_read(table: Table) -> None:
    session = table.session
    small(table)
    table.session.batch.rows[0].result.is_thumbnail = False
    session.select(session.results[0])
    small(table)
    first, second = session.results
    session.remove(first)
    assert session.selected is None, "what was removed is not shown any more"
    table.answer("opened", "photograph", path=PATHS[1], size=[4000, 3000])
    table.answer("opened", "large", path=second.file, size=[4000, 3000])
    assert session.selected is second
