"""Documents that follow from others: a run writes them, ``verify`` computes them again."""
