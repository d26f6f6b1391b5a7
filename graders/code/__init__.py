"""Programs by running tests in the sandbox; every comparison happens outside the jail."""
