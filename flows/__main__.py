"""`python -m flows` is the same as `headgate`."""

from deployments.origin import main

if __name__ == "__main__":
    main()
