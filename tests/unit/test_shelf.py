"""Which rooms leave memory, and in which order."""

from services.context.shelf import ROOM_COST, Shelf


class Holder:
    """Holds rooms of ten segments each; the pinned ones stay."""

    def __init__(self, shelf, pinned=()):
        self.shelf, self.pinned, self.rooms = shelf, frozenset(pinned), set()

    def use(self, *session_ids, segments=10):
        for one in session_ids:
            self.rooms.add(one)
            self.shelf.put(self, one, segments)

    def let_go(self, session_id):
        if session_id in self.pinned:
            return False
        self.rooms.discard(session_id)
        self.shelf.remove(self, session_id)
        return True


def test_those_used_least_recently_go_first_whoever_holds_them():
    shelf = Shelf(10 * (10 + ROOM_COST))
    one, other = Holder(shelf), Holder(shelf)
    one.use("a", "b", "c", "d")
    other.use("e", "f", "g", "h", "i", "j")
    shelf.clear()
    assert len(one.rooms) + len(other.rooms) == 10
    one.use("a")
    other.use("k")
    shelf.clear()
    assert shelf.excess <= 0
    assert one.rooms == {"a"} | ({"d"} & one.rooms)
    assert {"h", "i", "j", "k"} <= other.rooms


def test_what_is_needed_stays_and_the_bound_is_told_to_be_passed():
    shelf = Shelf(30)
    holder = Holder(shelf, pinned={"a", "b"})
    holder.use("a", "b", "c", "d")
    shelf.clear()
    assert holder.rooms == {"a", "b", "d"}
    assert shelf.excess > 0


def test_a_room_larger_than_the_bound_stays_while_it_is_the_one_in_use():
    shelf = Shelf(30)
    holder = Holder(shelf)
    holder.use("a", segments=1000)
    shelf.clear()
    assert holder.rooms == {"a"}
    holder.use("b")
    shelf.clear()
    assert holder.rooms == {"b"}
    assert shelf.excess <= 0


def test_a_room_that_grows_or_goes_is_counted_once():
    shelf = Shelf(0)
    holder = Holder(shelf)
    holder.use("a", segments=5)
    holder.use("a", segments=7)
    assert shelf.excess == 7 + ROOM_COST
    assert shelf.oldest(holder) == ["a"]
    assert shelf.oldest(Holder(shelf)) == []
    shelf.remove(holder, "a")
    shelf.remove(holder, "a")
    assert shelf.excess == 0
