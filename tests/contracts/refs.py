"""What every ``RefStore`` does.  Subclass, and give it a ``refs`` fixture of empty SHA-1 refs."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import ConflictError, UsageError

REF, ONE, TWO = "refs/greenlight/ledger", "1" * 40, "2" * 40


class RefStoreContract:
    def test_absent(self, refs):
        """A ref nobody wrote reads as None."""
        assert refs.read(REF) is None

    def test_create_then_move(self, refs):
        """swap() creates from None and moves from the value it was told."""
        refs.swap(REF, old=None, new=ONE)
        refs.swap(REF, old=ONE, new=TWO)

        assert refs.read(REF) == TWO

    def test_create_only_where_absent(self, refs):
        """swap() from None fails where the ref exists, even where it would change nothing."""
        refs.swap(REF, old=None, new=ONE)

        with pytest.raises(ConflictError) as caught:
            refs.swap(REF, old=None, new=ONE)

        assert caught.value.current == ONE
        assert caught.value.code is Code.STORE_CONFLICT

    def test_lost_race_writes_nothing(self, refs):
        """A swap from a stale value raises, names the current one and changes nothing."""
        refs.swap(REF, old=None, new=ONE)

        with pytest.raises(ConflictError) as caught:
            refs.swap(REF, old=TWO, new=TWO)

        assert caught.value.current == ONE
        assert refs.read(REF) == ONE

    def test_move_of_absent(self, refs):
        """A swap from a value fails where there is no ref, and says so with an empty current."""
        with pytest.raises(ConflictError) as caught:
            refs.swap(REF, old=ONE, new=TWO)

        assert caught.value.current == ""
        assert refs.read(REF) is None

    def test_delete(self, refs):
        """delete() removes the ref that it was told of, which can then be created again."""
        refs.swap(REF, old=None, new=ONE)
        refs.delete(REF, old=ONE)

        assert refs.read(REF) is None
        assert refs.list("refs/") == {}
        refs.swap(REF, old=None, new=TWO)
        assert refs.read(REF) == TWO

    def test_lost_race_deletes_nothing(self, refs):
        """A delete of a stale value, or of no ref, raises and changes nothing."""
        with pytest.raises(ConflictError) as caught:
            refs.delete(REF, old=ONE)
        assert caught.value.current == ""
        refs.swap(REF, old=None, new=ONE)

        with pytest.raises(ConflictError) as caught:
            refs.delete(REF, old=TWO)

        assert caught.value.current == ONE
        assert refs.read(REF) == ONE

    def test_list(self, refs):
        """list() gives the refs below a prefix, sorted, and no others."""
        for name in ("refs/greenlight/shelf/2026-02", "refs/greenlight/shelf/2026-01", REF):
            refs.swap(name, old=None, new=ONE)

        found = refs.list("refs/greenlight/shelf/")

        assert list(found.items()) == [
            ("refs/greenlight/shelf/2026-01", ONE),
            ("refs/greenlight/shelf/2026-02", ONE),
        ]
        assert refs.list("refs/nothing/") == {}
        assert refs.scan("refs/greenlight/shelf/") == (found, {})

    @pytest.mark.parametrize(
        "name",
        [
            "refs/../config",
            "refs/greenlight/../../config",
            "/refs/x",
            "refs",
            "refs/",
            "refs//x",
            "refs/x/",
            "HEAD",
            "refs/x.lock",
            "refs/x.lock/y",
            "refs/a b",
            "refs/a\n",
            "refs/a\x00b",
            "refs/.hidden",
            "refs/a..b",
            "refs/a@{1}",
            "refs/é",
            "refs/" + "x/" * 200 + "y",
        ],
    )
    def test_names(self, refs, name):
        """A name that could leave the store, or that git would refuse, is refused."""
        with pytest.raises(UsageError):
            refs.swap(name, old=None, new=ONE)
        with pytest.raises(UsageError):
            refs.read(name)
