"""texot used as a library, on other data than textures."""
