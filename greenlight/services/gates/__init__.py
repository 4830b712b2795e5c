"""Gates: run, judged, recorded.

* ``command`` runs the command of one gate and takes what it left.
* ``builtin`` has the gates that greenlight carries out itself.
* ``running`` runs gates side by side and judges them.
* ``recording`` says in the ledger what came of them, and lets those block that have graduated.
"""
