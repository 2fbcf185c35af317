"""The window, `texot desktop`: everything by eye. It calls the public library only and holds no algorithm.

Two processes: the window, which loads Qt and never torch, and a worker, which loads torch and never Qt (see
`texot.desktop.worker`). They exchange frames (`texot.desktop.protocol`); results are files in a session
folder. So the window is there at once and never blocks, and a worker that crashes costs one run.
"""
