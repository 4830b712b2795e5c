"""A forge of GitHub's kind, read over its REST API; the one door of ``httpx`` and ``stamina``.

Whatever comes from it is hostile: bounded in time, size and pages, and never believed to be
"absent" where it just could not be read.
"""
