"""Methods without a measured gain over what texot does by default: they may change or go in any version.

`texot.experimental.objectives` replaces the transport of patches in the training of generators,
`texot.experimental.refinement` and `texot.experimental.latent` move samples along trained critics, and
`texot.experimental.dual` learns potentials from samples. `docs/design-notes.md` has the figures.
"""
