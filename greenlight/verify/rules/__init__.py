"""The rules of the kinds of entry, a subject to a module; ``table`` says which is whose."""
