"""`python -m texot`: the same command line as the `texot` script."""

from texot.cli import main

if __name__ == "__main__":
    main()
