"""A recording proxy: the only way out of a box, to destinations that a lane allows.

It runs outside the box and listens on a socket that was made inside: nothing of it has a name
there but an address.  ``recording`` is what it writes down, ``server`` what it does, and
``authority`` the certificates of what it was told to look into.
"""
