"""The page in a real browser, on its three ways to a device: `make test-page`, Chromium from the system."""
