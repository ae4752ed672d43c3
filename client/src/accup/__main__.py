"""``accup`` and ``python -m accup``."""

from accup.commands.main import main

if __name__ == "__main__":
    main()
