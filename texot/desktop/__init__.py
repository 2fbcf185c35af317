"""The window, `texot desktop`. It calls the public library only and holds no algorithm.

Two processes: the window loads Qt and never torch, the worker loads torch and never Qt. They exchange frames
(`texot.desktop.protocol`); results are files in a session folder. So the window opens at once, never blocks,
and a crash of the worker costs one job. The parts, from the bottom up, and what each may import:

| part | modules | imports |
| --- | --- | --- |
| model | all others of this folder | the standard library, `texot.errors` |
| worker | `worker`, `worker_*` but `worker_client` | model, torch, public library, `texot.files`, `.jobs` |
| views | `views` | model, Qt |
| controllers | `controllers` | model, views, Qt |
| window | `window`, `app`, `worker_client` | model, views, controllers, Qt |

`tests/desktop/test_parts.py` checks every import.
"""
