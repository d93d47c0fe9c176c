"""`python -m houseful` and the command `houseful`."""

from houseful.cli import main

if __name__ == "__main__":
    main()
