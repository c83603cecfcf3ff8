"""The browser, for every test of the page."""

from .browser import browser

__all__ = ["browser"]
