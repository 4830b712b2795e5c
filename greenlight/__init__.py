"""greenlight: execute a change inside a scope lock, and seal evidence that anybody can check."""

from __future__ import annotations

__version__ = "0.1.0"
