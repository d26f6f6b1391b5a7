"""`python -m app` is `touchstone`."""

from app.cli import main

if __name__ == "__main__":
    main()
