"""What was said: history by time, by number and page by page; what waits; what has arrived.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

from guests import Hall
from multichat import wait_until


def room_of(hall, *guests):
    name = hall.name("#room")
    for guest in guests:
        guest.say.room("join", name)
    return name


def texts(entries):
    return [entry.text for entry in entries if not entry.kind]


# -- history

@pytest.mark.parametrize("most", [1, 3, 7, 200])
def test_pages_lead_to_all_of_it_once(hall, most):
    ann, ben = hall.guest(2)
    room = room_of(hall, ann, ben)
    lines = ["line %d" % number for number in range(20)]
    for line in lines:
        ann.say.send(room, line)
    for by in ("time", "number"):
        told = ben.say.history(room, by, most=most)
        assert texts(told) == lines
        assert [entry.seq for entry in told] == list(range(1, 23))
        assert [entry.kind for entry in told[:2]] == ["joined", "joined"]
        times = [entry.time_ms for entry in told]
        assert times == sorted(times)
    page, before = ben.say.page(room, most=most)
    assert texts(page) == lines[-most:] and bool(before) == (most < 22)


def test_ranges_of_numbers_and_times(hall):
    ann, = hall.guest(1)
    room = room_of(hall, ann)
    sent = [ann.say.send(room, "line %d" % number) for number in range(10)]

    def numbers(begin, end, most=200):
        return [entry.seq for entry in ann.say.page(room, "number", begin, end, most)[0]]

    assert numbers(3, 5) == [3, 4, 5]
    assert numbers(9, 0) == [9, 10, 11] and numbers(0, 2) == [1, 2]
    assert numbers(5, 4) == numbers(12, 0) == numbers(10**18, 0) == []
    assert numbers(2, 8, 3) == [6, 7, 8]
    first, last = sent[0].time_ms, sent[-1].time_ms
    assert texts(ann.say.history(room, begin=first, end=last + 1)) == [
        "line %d" % number for number in range(10)]
    assert ann.say.history(room, begin=last + 1) == []
    assert ann.say.history(room, end=ann.say.history(room)[0].time_ms) == []
    between = ann.say.history(room, begin=first, end=last)
    assert all(first <= entry.time_ms < last for entry in between)


def test_what_is_said_while_one_reads_backwards(hall):
    """Pages are of what was before: new messages neither shift nor double them."""
    ann, = hall.guest(1)
    room = room_of(hall, ann)
    for number in range(10):
        ann.say.send(room, str(number))
    page, before = ann.say.page(room, most=4)
    seen = texts(page)
    while before:
        ann.say.send(room, "new")
        page, before = ann.say.page(room, end=before, most=4)
        seen = texts(page) + seen
    assert seen == [str(number) for number in range(10)]


def test_a_room_tells_his_own_whispers_in_their_place(hall):
    ann, ben, out = hall.guest(3)
    room, other = room_of(hall, ann, ben, out), room_of(hall, ann, ben)
    for to, text in ((room, "one"), ("%s/%s" % (room, ben.userid), "psst"), (room, "two"),
                     ("%s/%s" % (other, ben.userid), "elsewhere"), (ben.userid, "direct")):
        ann.say_in_turn(to, text)
    ben.say.send("%s/%s" % (room, ann.userid), "psst back")
    for guest, most in ((ann, 200), (ben, 2), (ann, 1)):
        told = guest.say.history(room, most=most)
        assert texts(told) == ["one", "psst", "two", "psst back"]
        whispers = [entry for entry in told if entry.room and not entry.kind]
        assert [(w.name, w.userid, w.room.split("/")[1]) for w in whispers] == [
            (ben.userid, ann.userid, room), (ann.userid, ben.userid, room)]
    assert texts(out.say.history(room)) == ["one", "two"]
    assert texts(ann.say.history(room, "number")) == ["one", "two"]
    assert texts(ann.say.history(ben.userid)) == texts(ben.say.history(ann.userid)) == ["direct"]


def test_dialogues_are_of_the_two(hall):
    ann, ben, out = hall.guest(3)
    for number in range(4):
        ann.say_in_turn(ben.userid, "a%d" % number)
        ben.say_in_turn(ann.userid, "b%d" % number)
        out.say.send(ann.userid, "other")
    expected = [text for number in range(4) for text in ("a%d" % number, "b%d" % number)]
    for most in (200, 3, 1):
        told = ann.say.history(ben.userid, most=most)
        assert texts(told) == expected
        assert [entry.name for entry in told] == [ben.userid, ann.userid] * 4
    assert texts(ben.say.history(ann.userid)) == expected
    assert texts(out.say.history(ben.userid)) == []
    out.say.send(out.userid, "to myself")
    assert texts(out.say.history(out.userid)) == ["to myself"]


def test_history_of_everyone(hall):
    ann, ben = hall.guest(2)
    marks = [ann.say.send("*", "to all %d" % number) for number in range(3)]
    told = ben.say.history("*", begin=marks[0].time_ms)
    assert [m.text for m in told if m.userid == ann.userid] == ["to all %d" % n for n in range(3)]
    assert {m.name for m in told} == {"*"}


def test_history_that_is_refused(hall):
    ann, out = hall.guest(2)
    room = room_of(hall, ann)
    ann.say.send(room, "secret")
    assert out.refusal("history:%s:time:0:0:10" % room) == "not-member"
    assert out.refusal("history:#nowhere:time:0:0:10") == "unknown"
    assert out.refusal("history:nobody:time:0:0:10") == "unknown"
    assert ann.refusal("history:%s/x:time:0:0:10" % room) in ("malformed", "unknown")
    for rest in ("%s:time:0:0:0", "%s:time:0:0:201", "%s:day:0:0:1",
                 "%s:time:-1:0:1", "%s:time:0::1", "%s:time:0:0:1:1", "%s:time:0:0"):
        assert ann.refusal("history:" + rest % room) == "malformed", rest


def test_history_has_no_effect_on_delivery(hall):
    ann, ben = hall.guest(2)
    room = room_of(hall, ann, ben)
    ann.say.send(room, "x")
    assert texts(ben.say.history(room)) == ["x"]
    assert ben.say.unread().get(room) == 1
    ben.listen()
    assert texts(ben.heard()) == ["x"]


def test_long_texts_come_in_smaller_pages(hall):
    ann, = hall.guest(1)
    room = room_of(hall, ann)
    for number in range(12):
        ann.say.send(room, "%d" % number + "\uac00" * 5000)
    page, before = ann.say.page(room)
    assert 1 <= len(page) < 12 and before
    assert sum(len(entry.text.encode()) for entry in page[1:]) <= 65536
    assert [text[:-5000] for text in texts(ann.say.history(room))] == [str(n) for n in range(12)]


def test_hostile_texts_come_as_they_were(hall):
    ann, ben = hall.guest(2)
    hostile = ["past:msg:1/*:1:1:a:b:c", "\x1b[2J\u202e\u0085", ":", "end:history:0:", "\n"]
    for text in hostile:
        ann.say.send(ben.userid, text)
    assert texts(ben.say.history(ann.userid, most=2)) == hostile


# -- what waits

def test_unread_is_of_this_device(hall):
    ann, ben = hall.guest(2)
    room = room_of(hall, ann, ben)
    ben.listen()
    ben.heard()
    assert ben.say.unread() == {}
    ben.close()
    ben, = [hall.again(ben)]
    for to in (room, room, ben.userid, room + "/" + ben.userid):
        ann.say.send(to, "x")
    assert ben.say.unread() == {room: 2, ben.userid: 2}
    other = hall.again(ben, "other")
    assert other.say.unread() == {room: 2, ben.userid: 2}
    other.listen()
    assert len(texts(other.heard())) == 4
    assert other.say.unread() == {}
    assert ben.say.unread() == {room: 2, ben.userid: 3}  # a mark of the other one's is among them
    without = hall.again(ben, "-")
    assert without.refusal("unread") == "malformed"


# -- what has arrived

def awaited(guest, sent):
    guest.say.write("await:%s:%d" % (sent.conversation, sent.seq))
    verb, conversation, seq = guest.say.read()
    assert (conversation, int(seq)) == (sent.conversation, sent.seq)
    return verb


def test_told_when_it_has_arrived(hall):
    ann, ben = hall.guest(2)
    room = room_of(hall, ann, ben)
    assert ben.say
    for to in (ben.userid, room + "/" + ben.userid):
        sent = ann.say.send(to, "x")
        assert awaited(ann, sent) == "awaiting"
        assert awaited(ann, sent) == "awaiting"  # asked twice
        ben.listen()
        assert "x" in texts(ben.heard())
        conversation, seq = ann.say.expect("acked")
        assert (conversation, int(seq)) == (sent.conversation, sent.seq)
        ann.say.write("ping")
        while (answer := ann.say.read()) != ["pong"]:
            assert answer[0] == "acked"  # the second await may have one of its own
        assert awaited(ann, sent) == "acked"
        number = sent.conversation.split("/")[0]
        assert ann.say.ask("await:%s/:%d" % (number, sent.seq), "acked") == [
            sent.conversation, str(sent.seq)]
        ben._ear.ask("detach", "detached")


def test_waiting_ends_with_the_connection(hall):
    ann, ben = hall.guest(2)
    assert ben.say
    sent = ann.say.send(ben.userid, "x")
    assert awaited(ann, sent) == "awaiting"
    ann.close()
    again = hall.again(ann)
    assert again.say.ask("ping", "pong") == []
    ben.listen()
    assert texts(ben.heard()) == ["x"]
    assert awaited(again, sent) == "acked"


def test_awaits_that_are_refused(hall):
    ann, ben, out = hall.guest(3)
    room = room_of(hall, ann, ben)
    sent = ann.say.send(ben.userid, "x")
    to_room = ann.say.send(room, "x")
    for guest, conversation, seq in (
            (out, sent.conversation, sent.seq), (ben, sent.conversation, sent.seq),
            (ann, sent.conversation, sent.seq + 1), (ann, to_room.conversation, to_room.seq),
            (ann, "4611686018427387904/x", 1), (ann, "1/", 1)):
        assert guest.refusal("await:%s:%d" % (conversation, seq)) == "unknown"


def test_more_awaits_than_anybody_needs(hall):
    """They are bounded: so many wait, the others are refused, and the server goes on."""
    ann, ben = hall.guest(2)
    assert ben.say
    sent = [ann.say.send(ben.userid, str(number)) for number in range(300)]
    waiting = 0
    for one in sent:
        ann.say.write("await:%s:%d" % (one.conversation, one.seq))
        answer = ann.say.read()
        assert answer[0] == "awaiting" or answer[:2] == ["err", "busy"], answer
        waiting += answer[0] == "awaiting"
    assert waiting >= 16
    ben.listen()
    assert len(texts(ben.heard())) == 300
    for _ in range(waiting):
        ann.say.expect("acked")


# -- retention

def test_the_oldest_go(daemons):
    """What is left keeps its numbers; a device that has not read what went begins at the first."""
    hall = Hall(daemons(retention__messages=5))
    ann, ben = hall.guest(2)
    room = room_of(hall, ann, ben)
    for number in range(30):
        ann.say.send(room, str(number))
    entries = wait_until(lambda: [e for e in [ann.say.history(room)] if len(e) <= 5],
                         "five are left")[0]
    assert texts(entries) == ["25", "26", "27", "28", "29"]
    assert [entry.seq for entry in entries] == list(range(28, 33))
    assert hall.daemon.figure("messages-deleted") >= 27
    ben.listen()
    assert texts(ben.heard()) == texts(entries)
    assert ann.say.history(room, "number", 1, 27) == [] and ben.say.unread() == {}
    hall.leave()
