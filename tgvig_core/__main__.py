"""`python -m tgvig_core` is the command `tgvig`."""

from tgvig_core.cli.main import main

if __name__ == "__main__":
    main()
