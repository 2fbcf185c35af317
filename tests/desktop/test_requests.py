"""A job request: to JSON and back, as a command line, and as a call of the public library. No Qt here."""

import inspect
import json
from pathlib import Path

import pytest
import torch

import texot
from texot.cli.app import texot as command
from texot.desktop.requests import TASKS, JobRequest
from texot.desktop.worker_jobs import iterate

REQUESTS = [
    JobRequest("synthesize", {"image": "a.png"}, {"size": None, "tile": "both", "seed": 3, "novelty": 0.5}),
    JobRequest("inpaint", {"image": "a.png", "mask": None}, {"reach": 20}),
    JobRequest("interpolate", {"images": ["a.png", "b.png"]}, {"weights": [0.25, 0.75], "quality": "draft"}),
    JobRequest("train", {"images": ["a.png"]}, {"steps": 4}, resumes=True),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.task)
def test_json_gives_the_same_request(request_: JobRequest) -> None:
    assert JobRequest.from_json(json.loads(json.dumps(request_.to_json()))) == request_


def test_json_of_another_kind_is_refused() -> None:
    found = REQUESTS[0].to_json()
    with pytest.raises(ValueError, match="no such task: 'paint'"):
        JobRequest.from_json({**found, "task": "paint"})
    del found["files"]
    with pytest.raises(ValueError, match="lacks files"):
        JobRequest.from_json(found)


def test_every_task_is_a_command() -> None:
    assert set(TASKS) <= set(command.commands)


def test_a_quality_changes_only_the_quality() -> None:
    draft = REQUESTS[2]
    final = draft.with_quality("high")
    assert final.arguments == {**draft.arguments, "quality": "high"}
    assert (final.task, final.files) == (draft.task, draft.files)
    assert REQUESTS[1].with_quality("high") == REQUESTS[1], "this one has none"


def test_command_line_names_files_as_the_user_saved_them() -> None:
    request = JobRequest(
        "inpaint", {"image": "my photo.png", "mask": "/tmp/s/mask-0.png"}, {"tile": "none", "reach": None}
    )
    line = request.command_line("out.png", {"/tmp/s/mask-0.png": "mask.png"}, threads=2)
    assert line == "texot inpaint 'my photo.png' mask.png -o out.png --tile none --threads 2"
    sample = JobRequest("sample", {"model": "m.safetensors"}, {"weight_map": "radial", "at": [8, -1]})
    assert sample.command_line("o.png") == "texot sample m.safetensors -o o.png --weight-map radial --at 8,-1"


def test_replay_line_names_the_image_of_a_map_only() -> None:
    files = {"images": ["a.png", "b.png"]}
    by_file = JobRequest("interpolate", files, {"weight_map": "map.png"})
    assert by_file.replay_line("out.png", "o2.png") == (
        "texot replay out.png a.png b.png -o o2.png --weight-map map.png"
    )
    assert "--weight-map" not in JobRequest("interpolate", files, {"weight_map": "radial"}).replay_line(
        "o.png", "o2.png"
    )


@pytest.mark.parametrize(
    ("request_", "called"),
    [
        (JobRequest("synthesize", {"image": "a"}, {"seed": 1}), ("iter_synthesis", ("a",))),
        (JobRequest("inpaint", {"image": "a", "mask": "m"}, {"seed": 1}), ("iter_inpaint", ("a", "m"))),
        (JobRequest("tile", {"image": "a"}, {"seed": 1}), ("iter_tileable", ("a",))),
        (
            JobRequest("interpolate", {"images": ["a", "b"]}, {"seed": 1}),
            ("iter_interpolation", (["a", "b"],)),
        ),
    ],
    ids=lambda value: getattr(value, "task", ""),
)
def test_the_worker_calls_the_public_function(
    request_: JobRequest, called: tuple[str, tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, positional = called
    signature = inspect.signature(getattr(texot, name))
    calls: list[inspect.BoundArguments] = []

    def record(*args: object, **kwargs: object) -> object:
        calls.append(signature.bind(*args, **kwargs))
        return iter(())

    monkeypatch.setattr(texot, name, record)
    assert list(iterate(request_)) == []
    (bound,) = calls
    assert bound.args[: len(positional)] == positional
    assert bound.kwargs["seed"] == 1


def test_the_worker_runs_a_request_as_the_library_does(tmp_path: Path) -> None:
    image = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))
    texot.synthesize(image, "24x20", quality="draft").save(tmp_path / "exemplar.png")
    options = {"size": "20x20", "quality": "draft", "seed": 4, "tile": "x", "novelty": 0.5}
    request = JobRequest("synthesize", {"image": str(tmp_path / "exemplar.png")}, options)
    *_, last = iterate(request)
    wanted = texot.synthesize(tmp_path / "exemplar.png", **options)  # type: ignore[arg-type]
    assert torch.equal(last.result().image, wanted.image)
