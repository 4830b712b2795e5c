"""A box for one command: namespaces, a read-only tree, an overlay, Landlock, seccomp.

Linux alone.  What runs in it is prevented from touching anything else, and what it tried is
recorded from outside (docs/adr/0025-the-box.md).  ``running`` starts and watches it; the
other modules each do one thing that the kernel has a page for.
"""
