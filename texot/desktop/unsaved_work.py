"""What a session has not saved, as JSON, so that the next one can go on with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from texot.desktop.job_queue import OpenImage
from texot.desktop.models import Model
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.session import Session


class UnsavedWork:
    """Records the unsaved results and model of a session whenever they change, and restores them.

    Args:
        session: has them.
        write: called with the record; empty: all is saved.
    """

    def __init__(self, session: Session, write: Callable[[dict[str, Any]], object]) -> None:
        self._session, self._write = session, write
        events = session.events
        events.result_added.subscribe(lambda result, shown: self._record())
        events.result_saved.subscribe(lambda result: self._record())
        events.result_removed.subscribe(lambda result: self._record())
        events.model_changed.subscribe(self._record)

    def _record(self) -> None:
        saves, found = self._session.saves, dict[str, Any]()
        if saves.unsaved_results:
            found["results"] = [_to_json(result) for result in saves.unsaved_results]
        if saves.unsaved_model:
            found["model"] = asdict(self._session.models.current)  # type: ignore[arg-type]
        self._write(found)

    def restore(self, found: dict[str, Any]) -> None:
        """Add recorded results, and use the model, once the worker has read their pictures.

        Raises:
            KeyError, TypeError, ValueError: it is no record.
        """
        model = found.get("model")
        if model is not None:
            training = model["training"]
            model["training"] = None if training is None else JobRequest.from_json(training)
            self._session.models.use(Model(**model))
            self._session.events.model_changed.notify()
        results = found.get("results", [])
        sources: dict[str, OpenImage] = {}
        for path in dict.fromkeys(facts["source"] for facts in results if facts["source"]):
            self._read_source(path, sources)
        for facts in results:  # read after their sources: the worker reads files in order
            self._read_result(facts, sources)

    def _read_source(self, path: str, sources: dict[str, OpenImage]) -> None:
        def read(header: dict[str, Any], picture: Any) -> None:
            sources[path] = OpenImage(path, picture, tuple(header.get("maps", ())), tuple(header["size"]))

        self._session.read_image(path, read)

    def _read_result(self, facts: dict[str, Any], sources: dict[str, OpenImage]) -> None:
        path, request = facts["source"], JobRequest.from_json(facts["request"])
        run = facts["run"] and JobRequest.from_json(facts["run"])
        size, maps, names = (tuple(facts[name]) for name in ("size", "maps", "names"))
        file, settings = facts["file"], facts["settings"]

        def read(header: dict[str, Any], picture: Any) -> None:
            source = sources.setdefault(path, OpenImage(path, None))
            result = Result(request, picture, size, source, file, settings, "", maps, names, run)
            self._session.results.append(result)
            self._session.events.result_added.notify(result, False)

        self._session.read_image(file, read)


def _to_json(result: Result) -> dict[str, Any]:
    return {
        "request": result.request.to_json(),
        "run": result.run and result.run.to_json(),
        "size": list(result.size),
        "file": result.file,
        "settings": result.settings,
        "maps": list(result.maps),
        "names": list(result.names),
        "source": result.source.path,
    }
