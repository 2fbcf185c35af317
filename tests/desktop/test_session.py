"""Laws of the session, without Qt: a recorded worker, whose events the tests write themselves."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.saves import file_names
from texot.desktop.session import Session
from texot.desktop.settings import (
    InpaintSettings,
    InterpolationSettings,
    SamplingSettings,
    SynthesisSettings,
    TileSettings,
    TrainingSettings,
    position_of,
    weights_at,
)
from texot.errors import InputError

Header = dict[str, Any]


class RecordedWorker:
    """Keeps the requests that a session sends."""

    def __init__(self) -> None:
        self.requests: list[Header] = []
        self.stopped: list[int] = []

    def ask(self, do: str, **facts: Any) -> int:
        self.requests.append({"do": do, "id": len(self.requests) + 1, **json.loads(json.dumps(facts))})
        return len(self.requests)

    def stop(self, number: int) -> None:
        self.stopped.append(number)


class Table:
    """A session, its worker, and what its observers saw."""

    def __init__(self, folder: str = "/session") -> None:
        self.worker = RecordedWorker()
        self.session = Session(folder, self.worker)
        self.previews: list[object] = []
        self.restored: list[JobRequest] = []
        self.idle = 0
        self.session.events.preview_shown.subscribe(self.previews.append)
        self.session.events.request_restored.subscribe(self.restored.append)
        self.session.events.became_idle.subscribe(self._count)

    def _count(self) -> None:
        self.idle += 1

    @property
    def last(self) -> Header:
        return self.worker.requests[-1]

    @property
    def runs(self) -> list[Header]:
        return [request for request in self.worker.requests if request["do"] == "run"]

    def answer(self, event: str, picture: object = None, *, number: int = 0, **facts: Any) -> None:
        self.session.receive({"event": event, "id": number or self.last["id"], **facts}, picture)

    def open(self, path: str = "/a.png") -> None:
        self.session.open(path)
        self.answer("opened", f"pixels of {path}", path=path, size=[40, 36])

    def state(self, step: int, picture: object = "on its way", *, scale: int = 0) -> None:
        facts = {"step": step, "steps": 10, "seconds_left": 3, "loss": 0.5, "scale": scale}
        self.answer("state", picture, number=self.runs[-1]["id"], **facts)

    def done(self, picture: object = "result", *, step: int = 10, **facts: Any) -> None:
        run = self.runs[-1]
        facts = {"file": run["file"], "settings": {}, "seconds": 1.5, "size": [40, 36], **facts}
        self.answer("done", picture, number=run["id"], step=step, steps=10, stopped=step < 10, **facts)

    def trained(self, *, resumable: bool = False) -> None:
        run = self.runs[-1]
        facts = {"file": run["file"], "resumable": resumable, "seconds": 9, "threads": 2, "size": [40, 36]}
        self.answer("trained", "sample", number=run["id"], step=3, steps=10, **facts)


def drafts(n_variations: int = 1, seed: int = 0) -> SynthesisSettings:
    return SynthesisSettings("/a.png", quality="draft", n_variations=n_variations, seed=seed)


@pytest.fixture
def table() -> Table:
    found = Table()
    found.open()
    return found


def test_an_image_is_open_when_the_worker_has_read_it() -> None:
    table = Table()
    table.session.open("a.png")
    assert table.session.image.path == ""
    assert table.session.message == f"reading {os.path.abspath('a.png')} ..."
    table.answer("opened", "pixels", path="/a.png", size=[40, 36])
    assert (table.session.image.path, table.session.image.picture) == ("/a.png", "pixels")
    assert table.session.message == "/a.png: 40x36 px"


def test_only_one_job_runs(table: Table) -> None:
    table.session.generate(drafts(3))
    for count in (1, 2, 3):
        assert len(table.runs) == count
        assert len(table.session.jobs.waiting) == 3 - count
        table.done()
    assert not table.session.busy
    assert [r.request.arguments["seed"] for r in table.session.results] == [0, 1, 2]
    assert len({result.file for result in table.session.results}) == 3


def test_a_failed_job_lets_the_next_one_run(table: Table) -> None:
    table.session.generate(drafts(2))
    table.answer("error", number=table.runs[-1]["id"], text="no memory")
    assert len(table.runs) == 2
    table.done()
    assert len(table.session.results) == 1


def test_a_stopped_job_keeps_its_last_state(table: Table) -> None:
    table.session.generate(drafts(3))
    table.state(4)
    table.session.stop()
    assert table.worker.stopped == [table.runs[-1]["id"]]
    table.done("after step 5", step=5, settings={"stopped_at": 5})
    assert [result.picture for result in table.session.results] == ["after step 5"]
    assert table.session.selected is table.session.results[0]
    assert table.session.message.startswith("stopped at step 5 of 10: 40x36 px")
    assert len(table.runs) == 1, "what waited is forgotten"
    assert not table.session.busy


def test_a_job_that_another_replaces_keeps_nothing(table: Table) -> None:
    table.session.generate(drafts())
    table.session.generate(drafts(seed=7), replace_running=True)
    table.done("old", step=5)
    assert not table.session.results
    table.done("new")
    assert [result.picture for result in table.session.results] == ["new"]


def test_the_same_settings_twice_show_the_same_result(table: Table) -> None:
    session = table.session
    session.generate(drafts())
    session.generate(drafts())
    table.done()
    assert not session.busy, "it was not queued again while it ran"
    (first,) = session.results
    session.deselect()
    session.generate(drafts())
    assert len(table.runs) == 1
    assert session.selected is first
    assert session.message.startswith("it was made before")
    session.generate(drafts(3))
    assert [job["job"]["arguments"]["seed"] for job in table.runs] == [0, 1]
    assert [job.request.arguments["seed"] for job in session.jobs.waiting] == [2]


def test_the_same_settings_are_made_again_of_another_image_and_after_a_stop(table: Table) -> None:
    session = table.session
    session.generate(drafts())
    session.stop()
    session.generate(drafts())
    table.done(step=5, settings={"stopped_at": 5})
    table.done()
    assert [result.stopped for result in session.results] == [True, False]
    table.open("/a.png")  # it may have changed
    session.generate(drafts())
    table.done()
    first, second, third = session.results
    assert first.request == second.request == third.request
    assert first.file != second.file != third.file


def test_several_are_saved_under_different_names(table: Table) -> None:
    session = table.session
    session.generate(drafts(2))
    table.done()
    table.done()
    table.open("/b/a.png")
    for quality in ("draft", "normal", "high"):
        session.generate(SynthesisSettings("/b/a.png", quality=quality))
        table.done()
    assert file_names(session.results) == [
        *("a-0.png", "a-1.png", "a-0-draft.png", "a-0-normal.png"),
        "a-0-high.png",
    ]
    done: list[str] = []
    saved: list[Result] = []
    session.events.result_saved.subscribe(saved.append)
    session.saves.several(session.results[:2], "/out", lambda: done.append(session.message))
    requests = table.worker.requests[-2:]
    assert [request["path"] for request in requests] == ["/out/a-0.png", "/out/a-1.png"]
    table.answer("saved", number=requests[0]["id"])
    assert not done
    table.answer("saved", number=requests[1]["id"])
    assert done == ["wrote 2 results to /out"]
    assert saved == session.results[:2]
    assert session.saves.unsaved() == ["3 results"]


def test_progress_is_of_the_running_job(table: Table) -> None:
    assert table.session.progress is None
    table.session.generate(drafts(2))
    assert table.session.progress is None
    table.state(4)
    assert table.session.message == "step 4 of 10, about 3.0 s left, 1 more to make"
    assert table.previews == ["on its way"]
    table.state(5, None)
    assert table.previews == ["on its way"], "this state had no picture"
    table.done()
    table.done()
    assert table.session.progress is None


def test_events_of_a_job_that_has_ended_change_nothing(table: Table) -> None:
    table.session.generate(drafts())
    table.done()
    before = table.session.message
    table.state(9)
    table.done("twice")
    assert [result.picture for result in table.session.results] == ["result"]
    assert table.session.message == before


def test_a_result_stays_in_view_until_the_new_one_is_better(table: Table) -> None:
    session = table.session
    session.generate(drafts(2))
    table.state(1, "coarse", scale=3)
    assert table.previews == ["coarse"], "there is nothing better"
    table.done()
    table.state(4, "coarse again", scale=2)
    assert session.selected is session.results[0]
    assert table.previews == ["coarse"]
    table.state(9, "fine", scale=0)
    assert table.previews[1:] == ["fine"]
    assert session.selected is None


def test_the_message_says_stopping_until_the_job_has_stopped(table: Table) -> None:
    table.session.generate(drafts())
    table.state(4)
    table.session.stop()
    table.state(5)
    assert table.session.message == "stopping ..."
    table.done(step=5)
    assert table.session.message.startswith("stopped at step 5")


def test_a_draft_of_a_large_photograph_has_a_megapixel(table: Table) -> None:
    session = table.session
    session.open("/large.png")
    table.answer("opened", "pixels", path="/large.png", size=[4000, 4000])
    settings = SynthesisSettings("/large.png", quality="draft")
    session.generate(settings)
    assert table.runs[-1]["job"]["arguments"]["size"] == "1000x1000"
    table.done(size=[1000, 1000])
    (result,) = session.results
    assert result.request == settings.requests()[0], "the form shows the full size"
    assert "--exemplar-size 1000" in result.command_line({})
    session.render_final("normal")
    assert table.runs[-1]["job"]["arguments"]["size"] is None
    assert session.expected_seconds(settings) == pytest.approx(1.5)


@pytest.mark.parametrize("material", [False, True])
def test_a_draft_of_a_photograph_is_reduced_and_the_final_starts_from_it(
    table: Table, material: bool
) -> None:
    session, maps = table.session, ["basecolor", "normal"] if material else []
    session.open("/large")
    table.answer("opened", "pixels", path="/large", size=[4000, 2000], maps=maps)
    for form, length in (
        (InpaintSettings("/large", "/mask.png", quality="draft", reach=400), "reach"),
        (TileSettings("/large", quality="draft", band=400), "band"),
    ):
        session.generate(form)
        run = table.runs[-1]["job"]["arguments"]
        assert (run["image_size"], run[length]) == (1000, 141)
        table.done(size=[1414, 707])
        draft = session.results[-1]
        assert draft.request == form.requests()[0], "the form shows the full size"
        assert "--image-size 1000" in draft.command_line({})
        session.render_final("normal")
        run = table.runs[-1]["job"]["arguments"]
        assert run == {**draft.request.arguments, "quality": "normal", "init": draft.file, "n_scales": 2}
        table.done(size=[4000, 2000])
        assert form.from_request(session.results[-1].request) == replace(form, quality="normal")


def test_a_draft_between_images_of_one_size_is_reduced(table: Table) -> None:
    session = table.session
    session.open("/a.png")
    table.answer("opened", "pixels", path="/a.png", size=[2000, 2000])
    settings = InterpolationSettings(("/a.png", "/b.png"), quality="draft")
    session.generate(settings)
    assert "exemplar_size" not in table.runs[-1]["job"]["arguments"], "the size of one is not known"
    table.done(size=[2000, 2000])
    session.read_image("/b.png", lambda header, picture: None)
    table.answer("opened", "pixels", path="/b.png", size=[1000, 1000])
    session.generate(replace(settings, seed=1))
    assert "exemplar_size" not in table.runs[-1]["job"]["arguments"], "they would not be reduced alike"
    table.done(size=[2000, 2000])
    session.read_image("/b.png", lambda header, picture: None)
    table.answer("opened", "pixels", path="/b.png", size=[2000, 1990])
    session.generate(replace(settings, seed=2))
    run = table.runs[-1]["job"]["arguments"]
    assert (run["size"], run["exemplar_size"]) == ("1000x1000", 1000)
    table.done(size=[1000, 1000])
    draft = session.results[-1]
    session.render_final("normal")
    run = table.runs[-1]["job"]["arguments"]
    assert (run["init"], run["novelty"], run["n_scales"]) == (draft.file, None, 3)
    table.done(size=[2000, 2000])
    final = InterpolationSettings.from_request(session.results[-1].request)
    assert final == replace(settings, seed=2, quality="normal")


def test_a_preview_is_not_a_result(table: Table) -> None:
    table.session.generate(drafts())
    table.done()
    table.session.generate(drafts(seed=1))
    assert table.session.selected is table.session.results[0]
    table.state(1)
    assert table.session.selected is None


def test_selecting_shows_what_the_result_was_made_from(table: Table) -> None:
    table.session.generate(drafts())
    table.done()
    image = table.session.image
    table.open("/b.png")
    assert table.session.selected is None
    result = table.session.results[0]
    table.session.select(result)
    assert table.session.image is image
    assert table.session.selected is result
    assert table.restored == [result.request]
    assert table.session.message == result.summary


@pytest.mark.parametrize("act", ["open", "select"])
def test_pictures_of_a_job_are_not_shown_over_what_the_user_looks_at(table: Table, act: str) -> None:
    table.session.generate(drafts())
    table.done()
    table.session.generate(drafts(2, seed=1))
    if act == "open":
        table.open("/b.png")
    else:
        table.session.select(table.session.results[0])
    shown = table.session.selected
    table.state(4)
    table.done("first")
    table.done("second")
    assert not table.previews
    assert table.session.selected is shown
    assert len(table.session.results) == 3
    assert table.session.message.endswith("in the strip")


def test_settings_that_lack_something_start_nothing() -> None:
    table = Table()
    table.session.generate(SynthesisSettings(""))
    assert (table.session.failure, table.worker.requests) == ("open an image first", [])


def test_final_starts_from_the_selected_result(table: Table) -> None:
    session = table.session
    session.open("/a.png")
    table.answer("opened", "pixels", path="/a.png", size=[400, 300])
    session.generate(drafts(seed=5))
    table.done(size=[400, 300])
    (draft,) = session.results
    assert session.can_render_final("draft")
    session.render_final("draft")
    job = JobRequest.from_json(table.runs[-1]["job"])
    same = {**draft.request.arguments, "quality": "normal", "novelty": None}
    assert job.arguments == {**same, "init": draft.file, "n_scales": 2}
    table.done(size=[400, 300])
    final = session.results[1]
    assert session.selected is final
    assert not session.can_render_final("normal"), "it is final already"
    session.render_final("normal")
    assert len(table.runs) == 2
    assert session.can_render_final("high")
    assert SynthesisSettings.from_request(final.request) == SynthesisSettings("/a.png", seed=5)
    assert session.files.unsaved_inputs(final.request) == [draft.file], "its command needs the draft"
    session.select(draft)
    session.saves.selected("/draft.png")
    table.answer("saved")
    assert session.files.unsaved_inputs(final.request) == []
    assert "--init /draft.png" in final.command_line(session.files.names)


@pytest.mark.parametrize(("image", "count"), [((4000, 4000), 4), ((24, 24), 1), ((40, 36), 2)])
def test_final_has_the_scales_that_the_draft_lacks(table: Table, image: tuple[int, int], count: int) -> None:
    table.session.open("/b.png")
    table.answer("opened", "pixels", path="/b.png", size=list(image))
    table.session.generate(SynthesisSettings("/b.png", quality="draft"))
    table.done(size=[min(side, 1000) for side in image])
    table.session.render_final("normal")
    assert table.runs[-1]["job"]["arguments"]["n_scales"] == count


def test_the_last_quality_is_of_the_same_task(table: Table) -> None:
    assert table.session.last_quality(("synthesize",)) == "draft"
    table.session.generate(SynthesisSettings("/a.png", quality="high"))
    table.done()
    assert table.session.last_quality(("synthesize",)) == "high"
    assert table.session.last_quality(("tile",)) == "draft"


def test_what_is_unsaved_is_asked_about(table: Table) -> None:
    session = table.session
    assert session.saves.unsaved() == []
    session.generate(drafts(2))
    assert session.saves.unsaved() == ["what is made now"]
    table.done()
    assert session.saves.unsaved() == ["a result", "what is made now"]
    table.done()
    assert session.saves.unsaved() == ["2 results"]
    session.saves.selected("/out.png")
    assert session.saves.unsaved() == ["2 results"], "it is not written yet"
    table.answer("saved", path="/out.png", file=session.results[1].file)
    assert session.saves.unsaved() == ["a result"]
    assert session.results[1].saved == "/out.png"
    session.generate(TrainingSettings(("/a.png",)))
    assert session.saves.unsaved() == ["a result", "the training that runs"]
    table.trained()
    assert session.saves.unsaved() == ["a result", "the model"]
    session.saves.model("/m.safetensors")
    table.answer("saved")
    assert session.saves.unsaved() == ["a result"]


def test_a_save_that_fails_leaves_the_result_unsaved(table: Table) -> None:
    table.session.generate(drafts())
    table.done()
    table.session.saves.selected("/no/out.png")
    table.answer("error", text="no such folder")
    assert table.session.failure == "no such folder"
    assert table.session.saves.unsaved() == ["a result"]


def test_a_worker_that_ends_costs_its_jobs_only(table: Table) -> None:
    table.session.generate(drafts())
    table.done()
    table.session.generate(drafts(2))
    table.session.saves.selected("/out.png")
    table.session.worker_ended("the worker crashed")
    assert not table.session.busy
    assert not table.session.jobs.waiting
    assert table.session.failure == "the worker crashed"
    assert len(table.session.results) == 1
    table.session.generate(drafts(seed=9))
    assert table.session.running is not None


def test_notes_follow_the_message(table: Table) -> None:
    table.session.generate(drafts())
    for _ in range(2):
        table.answer("note", number=table.runs[-1]["id"], text="8 bits a channel")
    table.done()
    assert table.session.message == "done: 40x36 px in 1.5 s; 8 bits a channel"
    assert not table.session.failed


def test_a_stopped_training_is_resumed_with_its_settings(table: Table) -> None:
    session = table.session
    session.generate(TrainingSettings(("/a.png",), steps=10, seed=3))
    table.trained(resumable=True)
    assert session.models.current is not None
    assert session.models.current.training is None, "no command makes a half-trained model"
    session.resume_training()
    job = JobRequest.from_json(table.runs[-1]["job"])
    assert job.resumes
    assert job.arguments == {"steps": 10, "seed": 3}
    table.trained()
    assert session.models.stopped_training is None
    training = session.models.current.training
    assert training == JobRequest("train", {"images": ["/a.png"]}, {"steps": 10, "seed": 3})


def test_a_sample_is_selected_with_its_model(table: Table) -> None:
    session = table.session
    session.generate(TrainingSettings(("/a.png", "/b.png")))
    table.trained()
    first = session.models.current
    assert first is not None
    session.generate(SamplingSettings(first.file, 2))
    table.done()
    session.load_model("/m.safetensors")
    table.answer("loaded", path="/m.safetensors", exemplar_size=[9, 9], n_exemplars=1)
    assert session.models.current is not first
    session.select(session.results[0])
    assert session.models.current is first
    assert session.models.current.n_exemplars == 2


def test_inputs_that_only_the_session_holds_are_named() -> None:
    table = Table("/session")
    mask, mask2 = table.session.files.new("mask"), table.session.files.new("mask")
    assert mask != mask2
    request = InpaintSettings("/photo.png", mask).requests()[0]
    assert table.session.files.unsaved_inputs(request) == [mask]
    table.session.files.set_name(mask, "/mask.png")
    assert table.session.files.unsaved_inputs(request) == []
    table.session.files.set_name(mask2, "/mask.png")
    assert table.session.files.unsaved_inputs(request) == [mask], "another mask was written over it"


def test_a_stopped_result_is_repeated_from_its_png(table: Table) -> None:
    table.session.generate(drafts())
    table.done(step=5, settings={"stopped_at": 5})
    (result,) = table.session.results
    with pytest.raises(InputError, match="save it as a PNG"):
        result.command_line({})
    result.saved = "/out.png"
    assert result.command_line({}) == "texot replay /out.png /a.png -o /out-replay.png"


def test_a_stopped_result_of_floats_cannot_be_repeated(table: Table) -> None:
    table.session.generate(drafts())
    table.done(step=5, settings={"stopped_at": 5}, file="/session/result-1.exr")
    (result,) = table.session.results
    result.saved = "/out.exr"
    with pytest.raises(InputError, match=r"\.exr files hold no settings"):
        result.command_line({})


def test_a_result_of_floats_gets_the_suffix_of_its_file(table: Table) -> None:
    table.session.generate(drafts())
    table.done(file="/session/result-1.exr")
    assert table.session.results[0].file_name == "a-0.exr"
    assert file_names(table.session.results * 2) == ["a-0.exr", "a-0-draft.exr"]


def test_removing_the_selected_result_selects_its_neighbour(table: Table) -> None:
    session = table.session
    session.generate(drafts(3))
    for _ in range(3):
        table.done()
    first, second, third = session.results
    session.select(second)
    session.remove(second)
    assert session.selected is third, "the next one"
    session.remove(third)
    assert session.selected is first, "the last one, where there is no next"
    assert table.restored[-1] == first.request
    session.remove(first)
    assert session.selected is None
    assert session.saves.unsaved() == []


def test_removing_another_result_keeps_the_selection(table: Table) -> None:
    session = table.session
    session.generate(drafts(2))
    table.done()
    table.done()
    first, second = session.results
    session.remove(first)
    assert session.selected is second
    assert session.results == [second]


@given(
    st.lists(st.sampled_from(["run", "state", "done", "stop", "open", "select", "remove", "error", "crash"]))
)
@settings(max_examples=300, deadline=None)
def test_whatever_happens(acts: list[str]) -> None:
    """One job runs; busy means that an answer is due; what is selected is a result of the image shown."""
    table = Table()
    table.open()
    session = table.session
    due: set[int] = set()
    for act in acts:
        running = session.running
        if act == "run":
            session.generate(drafts(2))
        elif act == "state" and running:
            table.state(3)
        elif act == "done" and running:
            due.discard(running.number)
            table.done(step=5 if running.number in table.worker.stopped else 10)
        elif act == "error" and running:
            due.discard(running.number)
            table.answer("error", number=running.number, text="failed")
        elif act == "stop":
            session.stop()
        elif act == "open":
            table.open(f"/{len(table.worker.requests)}.png")
        elif act == "select" and session.results:
            session.select(session.results[len(acts) % len(session.results)])
        elif act == "remove" and session.results:
            session.remove(session.results[len(acts) % len(session.results)])
        elif act == "crash":
            due.clear()
            session.worker_ended("crashed")
        if session.running is not None:
            due.add(session.running.number)
        assert due == ({session.running.number} if session.running else set())
        assert session.busy == bool(due)
        assert bool(session.jobs.waiting) <= bool(session.running)
        if session.selected is not None:
            assert session.selected in session.results
            assert session.selected.source is session.image


ROUND_TRIPS = [
    SynthesisSettings("/a.png", "2x", "x", "draft", 0.25, 7),
    InpaintSettings("/a.png", "/m.png", "y", "high", 3, 80),
    TileSettings("/a.png", "x", "normal", 2, 12, True),
    InterpolationSettings(("/a.png", "/b.png", "/c.png"), 0.25, None, "64x64", None, "draft", 1, 0.0),
    InterpolationSettings(("/a.png", "/b.png"), None, "radial"),
    SamplingSettings("/m.safetensors", 1, None, None, "64x64", "none", 5, (8, -3)),
    SamplingSettings("/m.safetensors", 2, 0.75),
]


@pytest.mark.parametrize("wanted", ROUND_TRIPS, ids=lambda found: type(found).__name__)
def test_settings_come_back_from_their_request(wanted: Any) -> None:
    (request,) = wanted.requests()
    found = type(wanted).from_request(JobRequest.from_json(json.loads(json.dumps(request.to_json()))))
    assert found == wanted
    assert found.requests() == [request]


@given(st.integers(2, 6), st.integers(0, 100))
def test_weights_are_those_of_a_position(count: int, percent: int) -> None:
    weights = weights_at(percent / 100, count)
    assert len(weights) == count
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert sum(weight > 0 for weight in weights) <= 2
    assert position_of(weights) == pytest.approx(percent / 100, abs=1e-3)


_WITHOUT_QT = """
import subprocess, sys
sys.modules["PySide6"] = None
from texot.desktop.protocol import Unpacker, pack
from texot.desktop.session import Session
from texot.desktop.settings import SynthesisSettings

pipe = subprocess.PIPE
process = subprocess.Popen([sys.executable, "-m", "texot.desktop.worker"], stdin=pipe, stdout=pipe)

class Port:
    count = 0
    def ask(self, do, **facts):
        self.count += 1
        process.stdin.write(pack({"do": do, "id": self.count, **facts}))
        process.stdin.flush()
        return self.count
    def stop(self, number):
        process.stdin.write(pack({"do": "stop", "id": number}))

folder, image, target = sys.argv[1:]
session = Session(folder, Port())
frames = Unpacker()
def finish():
    while session.busy:
        received = process.stdout.read1(1 << 16)
        assert received, "the worker has ended"
        for header, data in frames.feed(received):
            session.receive(header, data or None)
session.open(image)
finish()
session.generate(SynthesisSettings(image, quality="draft", seed=3))
finish()
session.saves.selected(target)
finish()
process.stdin.close()
process.wait()
assert not session.saves.unsaved() and not session.failed, session.message
print(session.selected.command_line({}))
"""


@pytest.mark.slow
def test_a_session_works_with_a_real_worker_and_no_qt(tmp_path: Path) -> None:
    Image.effect_noise((40, 36), 90).save(tmp_path / "a.png")
    (tmp_path / "session").mkdir()
    words = [str(tmp_path / name) for name in ("session", "a.png", "out.png")]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_QT, *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"texot synthesize {words[1]} -o {words[2]} ")
    with Image.open(tmp_path / "out.png") as result:
        assert result.size == (40, 36)
