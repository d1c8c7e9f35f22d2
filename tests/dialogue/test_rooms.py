"""Rooms: made, joined, left, led and listed, on the wire of version 2; whispers in them.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

from guests import Guest, Hall, kinds
from v2 import Refused

NONE, INVITED, MEMBER, OPERATOR = "none", "invited", "member", "operator"


def joined(hall, *guests):
    """A room with these members, the first of whom made it."""
    room = hall.name("#room")
    for guest in guests:
        guest.say.room("join", room)
    return room


# -- joining and leaving

def test_the_first_to_join_makes_it(hall):
    ann, ben = hall.guest(2)
    name = hall.name("#lobby")
    made = ann.say.room("join", name)
    number, _, called = made.conversation.partition("/")
    assert called == name and int(number) > 0
    assert made[2:] == ("open", OPERATOR, 1, "")
    assert ben.say.room("look", name)[2:] == ("open", NONE, 1, "")
    assert ben.say.room("join", name) == made._replace(standing=MEMBER, members=2)
    other = ben.say.room("join", hall.name("#lobby"))
    assert other.number > made.number and other.conversation != made.conversation


def test_a_room_is_called_by_its_number(hall):
    ann, ben = hall.guest(2)
    room = ann.say.room("join", joined(hall, ann))
    assert ben.say.room("join", "#%d" % room.number).conversation == room.conversation
    ben.listen()
    ann.say.send("#%d" % room.number, "by number")
    assert [(m.name, m.text) for m in ben.heard()] == [(room.conversation.split("/")[1],
                                                       "by number")]
    for verb in ("join", "look", "part", "who"):
        assert ben.refusal("%s:#%d" % (verb, room.number + 10**6)) == "unknown"


def test_joining_again_changes_nothing(hall):
    ann, ben = hall.guest(2)
    room = joined(hall, ann, ben)
    ann.listen()
    assert ann.heard() != []  # that ben joined
    for _ in range(2):
        assert ben.say.room("join", room).members == 2
    assert ann.heard() == []


def test_joining_and_leaving_is_told_to_the_members(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann)
    for guest in (ann, ben, out):
        guest.listen()
    ben.say.room("join", room)
    note, = ann.heard()
    assert note[1:2] + note[4:] == (room, ben.userid, ben.userid, "", "-", "joined")
    assert ben.heard() == out.heard() == []  # the device that did it, and who is not there
    ben.say.change("part:" + room)
    note, = ann.heard()
    assert note[1:2] + note[4:] == (room, ben.userid, ben.userid, "", "-", "left")
    assert ben.refusal("part:" + room) == "not-member"
    assert ben.refused_to_send(room).code == "not-member"
    assert ben.refusal("history:%s:time:0:0:1" % room) == "not-member"
    assert ann.say.room("look", room).members == 1


def test_other_devices_of_his_hear_of_it(hall):
    ann, = hall.guest(1)
    other = hall.again(ann, "other").listen()
    room = joined(hall, ann)
    assert kinds(other.heard()) == [("joined", room, ann.userid)]
    ann.say.send(room, "x")
    assert [m.text for m in other.heard()] == ["x"]
    ann.say.change("part:" + room)
    assert kinds(other.heard()) == [("left", room, ann.userid)]
    ann.say.room("join", room)
    assert kinds(other.heard()) == [("joined", room, ann.userid)]


def test_who_joins_gets_what_is_said_from_then_on(hall):
    ann, ben = hall.guest(2)
    room = joined(hall, ann)
    ben.listen()
    ann.say.send(room, "before")
    ben.say.room("join", room)
    ann.say.send(room, "after")
    assert [m.text for m in ben.heard()] == ["after"]
    ben.say.change("part:" + room)
    ann.say.send(room, "meanwhile")
    ben.say.room("join", room)
    ann.say.send(room, "again")
    assert [m.text for m in ben.heard() if not m.kind] == ["again"]


@pytest.mark.parametrize("name,code", [
    ("#", "malformed"), ("##a", "malformed"), ("#a b", "malformed"), ("#a/b", "malformed"),
    ("#a%", "malformed"), ("#a*", "malformed"), ("#a\u202eb", "malformed"),
    ("#a\u200bb", "malformed"), ("#a\u00a0b", "malformed"), ("#\u3000", "malformed"),
    ("a", "malformed"), ("*", "malformed"), ("#" + "x" * 65, "too-long"),
    ("#0", "malformed"), ("#99999999999999999999999", "malformed")])
def test_names_that_no_room_can_have(hall, name, code):
    ann, = hall.guest(1)
    assert ann.refusal("join:" + name) == code
    assert ann.refusal("look:" + name) in (code, "unknown")


SAME = [("Kaffee", "KAFFEE"), ("kaffee", "\uff4b\uff41\uff46\uff46\uff45\uff45"),
        ("stra\u00dfe", "STRASSE"), ("\uac00\ub098", "\u1100\u1161\u1102\u1161"),
        ("\u30ab\u30d5\u30a7", "\uff76\uff8c\uff6a"), ("\ufb01n", "FIN"),
        ("\u00e9tude", "E\u0301TUDE")]


@pytest.mark.parametrize("name,other", SAME)
def test_a_room_is_found_by_all_names_that_fold_alike(hall, name, other):
    ann, ben = hall.guest(2)
    suffix = hall.name("x")
    made = ann.say.room("join", "#" + name + suffix)
    assert made.conversation.endswith("/#" + name + suffix)
    assert ben.say.room("join", "#" + other + suffix) == made._replace(standing=MEMBER, members=2)
    ben.listen()
    ann.say.send("#" + other + suffix, "x")
    assert [m.name for m in ben.heard()] == ["#" + name + suffix]


def test_membership_outlives_connections_and_the_server(hall):
    ann, ben = hall.guest(2)
    room = joined(hall, ann, ben)
    ben.close()
    hall.daemon.kill()
    hall.daemon.start()
    ann.close()
    again = [Guest(hall.daemon, guest.userid) for guest in (ann, ben)]
    hall.guests += again
    again[1].listen()
    assert again[0].say.room("join", room)[3:5] == (OPERATOR, 2)
    again[0].say.send(room, "still here")
    assert [m.text for m in again[1].heard() if not m.kind] == ["still here"]
    assert again[1].heard() == []  # nothing of before again


# -- topics, closed rooms, operators

def test_topics(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben)
    ann.listen()
    ann.heard()
    topic = "차: leaves, 12:30 👩\u200d👧"
    ben.say.change("topic:%s:%s" % (room, topic))
    note, = ann.heard()
    assert (note.kind, note.userid, note.text, note.room) == ("topic", ben.userid, topic, "-")
    ben.say.change("topic:%s:%s" % (room, topic))
    assert ann.heard() == []
    assert out.say.room("look", room).topic == topic
    ben.say.change("topic:%s:" % room)
    note, = ann.heard()
    assert (note.kind, note.text) == ("topic", "")
    assert ann.say.room("look", room).topic == ""
    assert out.refusal("topic:%s:x" % room) == "not-member"
    assert ann.refusal("topic:%s:a\nb" % room) == "malformed"
    assert ann.refusal("topic:%s:%s" % (room, "x" * 301)) == "too-long"
    ann.say.change("topic:%s:%s" % (room, "가" * 100))


def test_a_closed_room_takes_an_invitation(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben)
    for guest in (ben, out):
        guest.listen()
    ben.heard()
    assert ben.refusal("access:%s:closed" % room) == "not-allowed"
    assert out.refusal("access:%s:closed" % room) == "not-member"
    ann.say.change("access:%s:closed" % room)
    note, = ben.heard()
    assert (note.kind, note.userid, note.text) == ("access", ann.userid, "closed")
    assert out.refusal("join:" + room) == "closed"
    for verb in ("look:%s", "who:%s", "part:%s", "topic:%s:x", "history:%s:time:0:0:1"):
        assert out.refusal(verb % room) in ("unknown", "not-member"), verb
    assert ben.refusal("invite:%s:%s" % (room, out.userid)) == "not-allowed"
    assert ben.refusal("topic:%s:x" % room) == "not-allowed"
    assert out.heard() == ben.heard() == []

    ann.say.change("invite:%s:%s" % (room, out.userid))
    ann.say.change("invite:%s:%s" % (room, out.userid))
    note, = out.heard()
    look = out.say.room("look", room)
    assert (note.kind, note.name, note.userid, note.room, note.text) == (
        "invited", out.userid, ann.userid, look.conversation, "")
    assert look.standing == INVITED and ben.heard() == []
    assert out.say.room("join", room).standing == MEMBER
    out.say.change("part:" + room)
    assert out.refusal("join:" + room) == "closed"  # it was used up
    ann.say.change("access:%s:open" % room)
    assert out.say.room("join", room).standing == MEMBER


def test_members_invite_into_open_rooms(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben)
    out.listen()
    ben.say.change("invite:%s:%s" % (room, out.userid))
    assert kinds(out.heard()) == [("invited", out.userid, ben.userid)]
    ben.say.change("invite:%s:%s" % (room, ann.userid))
    assert ben.refusal("invite:%s:nobody" % room) == "unknown"
    assert out.refusal("invite:%s:%s" % (room, ann.userid)) == "not-member"
    assert ben.refusal("invite:#nowhere:%s" % out.userid) == "unknown"


def test_operators_remove(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben, out)
    for guest in (ann, ben, out):
        guest.listen()
        guest.heard()
    assert ben.refusal("remove:%s:%s" % (room, out.userid)) == "not-allowed"
    ann.say.change("remove:%s:%s" % (room, ben.userid))
    for guest in (out, ben):
        note, = guest.heard()
        assert (note.kind, note.name, note.userid, note.text) == (
            "removed", room, ann.userid, ben.userid)
    assert ben.refused_to_send(room).code == "not-member"
    assert ann.refusal("remove:%s:%s" % (room, ben.userid)) == "not-member"
    assert ann.refusal("remove:%s:nobody" % room) in ("unknown", "not-member")
    ann.say.send(room, "without him")
    assert ben.heard() == [] and [m.text for m in out.heard()] == ["without him"]


# -- lists

def test_rooms_are_listed_in_pages_in_the_order_of_their_names(hall):
    ann, ben = hall.guest(2)
    stem = hall.name("#many")
    names = ["%s-%03d" % (stem, number) for number in range(110)]
    for begin, guest in ((0, ann), (1, ben)):
        for name in names[begin::2]:
            guest.say.room("join", name)
    hidden = names[7]
    ben.say.change("access:%s:closed" % hidden)
    assert ann.refusal("join:" + hidden) == "closed"
    first, following = ann.say.ask_list("rooms", "room")
    assert len(first) == 100 and following
    for guest, expected in ((ben, names), (ann, names[:7] + names[8:])):
        listed = guest.say.rooms()
        mine = [room.conversation.split("/", 1)[1] for room in listed]
        assert [name for name in mine if name.startswith(stem)] == expected
        assert len(set(mine)) == len(mine)
    standings = {room.conversation.split("/", 1)[1]: room.standing for room in ann.say.rooms()}
    assert (standings[names[0]], standings[names[1]]) == (OPERATOR, NONE)


def test_who_is_here(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben)
    assert out.refusal("who:" + room) == "not-member"
    assert out.refusal("who:#nowhere") == "unknown"
    assert [(m.userid, m.standing, m.display) for m in ann.say.who(room)] == [
        (ann.userid, OPERATOR, ann.userid), (ben.userid, MEMBER, ben.userid)]
    presence = {m.userid: m.presence for m in ann.say.who(room)}
    assert presence == {ann.userid: "present", ben.userid: "present"}


def test_presence_is_told(hall):
    ann, ben, gone = hall.guest(3)
    room = joined(hall, ann, ben, gone)
    ben.listen()
    hall.daemon.ctl("user", "revoke", gone.userid)
    gone.say.wait_closed()
    presence = {m.userid: m.presence for m in ann.say.who(room)}
    assert presence == {ann.userid: "present", ben.userid: "present", gone.userid: "absent"}


def test_everyone_is_listed_in_pages(daemons):
    hall = Hall(daemons())
    hall.guests_named(*(hall.name("crowd%03d-" % number) for number in range(205)))
    ann, = hall.guest(1)
    first, following = ann.say.ask_list("who:*", "member")
    assert len(first) == 200 and following
    everyone = [member.userid for member in ann.say.who("*")]
    assert everyone == sorted(set(everyone)) and len(everyone) > 205
    assert {member.standing for member in ann.say.who("*")} == {MEMBER}
    hall.leave()


@pytest.mark.parametrize("frame", [
    "rooms:%s", "who:*:%s", "history:*:time:0:%s:10", "history:*:number:0:%s:10"])
def test_places_that_no_answer_told(hall, frame):
    """They are refused, or lead to some page; the server goes on in either case."""
    ann, = hall.guest(1)
    for place in ("x", "0", "-1", "1.2.3", "9" * 19, "9" * 80, "ZZZZ", "...", "%", "/", "가",
                  "1767225602000.1.1", "' OR 1=1 --", "a" * 81):
        ann.say.write(frame % place, "ping")
        while (answer := ann.say.read())[0] not in ("err", "end"):
            assert answer[0] in ("room", "member", "past")
        assert answer[0] == "end" or answer[1] in ("malformed", "too-long"), (place, answer)
        assert ann.say.expect("pong") == []


def test_many_questions_at_once(hall):
    """They are answered in order; what is too much at a time is refused as busy."""
    ann, = hall.guest(1)
    frames = ["rooms", "who:*", "history:*:time:0:0:200", "unread", "look:#0"] * 20
    ann.say.write(*frames, "ping")
    answers = []
    while (answer := ann.say.read())[0] != "pong":
        if answer[0] == "end":
            answers.append(answer[1])
        elif answer[0] == "err":
            assert answer[1] in ("busy", "unknown"), answer
            answers.append(answer[2])
    assert answers == [frame.split(":")[0] for frame in frames]
    assert ann.say.rooms() is not None


# -- limits

def test_limits_of_rooms(daemons):
    hall = Hall(daemons(limits__rooms=3, limits__rooms_per_user=2))
    ann, ben, out = hall.guest(3)
    rooms = [joined(hall, ann), joined(hall, ann)]
    assert ann.refusal("join:#third") == "full"
    assert ann.say.room("join", rooms[0]).members == 1  # he is in already
    joined(hall, ben)
    assert ben.refusal("join:#fourth") == "full"  # of all
    ben.say.room("join", rooms[0])
    assert ben.refusal("join:" + rooms[1]) == "full"
    ben.say.change("part:" + rooms[0])
    ben.say.room("join", rooms[1])
    assert out.say.room("join", rooms[0]).standing == MEMBER
    hall.leave()


def test_rooms_that_the_administrator_makes(daemons):
    hall = Hall(daemons(rooms__make="administrator"))
    ann, = hall.guest(1)
    assert ann.refusal("join:#own") == "unknown"
    hall.daemon.ctl("room", "add", "#given")
    assert ann.say.room("join", "#given")[2:] == ("open", MEMBER, 1, "")
    hall.leave()


def test_changes_and_requests_are_limited(daemons):
    hall = Hall(daemons(rates__changes=60, rates__changes_burst=3, rates__requests=60,
                        rates__requests_burst=4))
    ann, ben = hall.guest(2)
    for room in ("#one", "#two", "#three"):
        ann.say.room("join", room)
    with pytest.raises(Refused, match="^err:limited:join:[0-9]+ ms") as refused:
        ann.say.room("join", "#four")
    assert 0 < int(refused.value.reason.split()[0]) <= 1000
    assert ann.refusal("nick:Ann") == "limited"
    for _ in range(4):
        ann.say.room("look", "#one")
    assert ann.refusal("unread") == ann.refusal("history:*:time:0:0:1") == "limited"
    ann.say.send("#one", "messages have limits of their own")
    assert ben.say.room("join", "#four").members == 1  # it is of each user
    hall.daemon.ctl("user", "bulk", ben.userid, "on")
    for _ in range(8):
        ben.say.room("look", "#one")
    hall.leave()


# -- whispers

def test_a_whisper_is_for_one(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben, out)
    for guest in (ann, ben, out):
        guest.listen()
        guest.heard()
    context = ann.say.room("look", room).conversation
    sent = ann.say.send("%s/%s" % (room, ben.userid), "귓속말: 12:30")
    assert sent.conversation.endswith("/" + ben.userid)
    whisper, = ben.heard()
    assert whisper[2:] == (sent.seq, sent.time_ms, ann.userid, ann.userid, "귓속말: 12:30",
                           context, "")
    assert out.heard() == ann.heard() == []
    number = ann.say.room("look", room).number
    ann.say.send("#%d/%s" % (number, ben.userid), "by number")
    assert [(m.text, m.room) for m in ben.heard()] == [("by number", context)]


def test_whispers_that_are_refused(hall):
    ann, ben, out = hall.guest(3)
    room = joined(hall, ann, ben)
    out.listen()
    refused = ann.refused_to_send("%s/%s" % (room, out.userid))
    assert refused.code == "not-member" and out.userid in refused.reason
    refused = out.refused_to_send("%s/%s" % (room, ben.userid))
    assert refused.code == "not-member"
    assert ann.refused_to_send(room + "/nobody").code in ("not-member", "unknown")
    assert ann.refused_to_send("#nowhere/" + ben.userid).code in ("not-member", "unknown")
    assert ann.refused_to_send("%s/%s" % (room, ann.userid)).code in ("malformed", "unknown")
    for to in (room + "/", "%s/%s/x" % (room, ben.userid), "#/" + ben.userid, "*/" + ben.userid,
               "%s/#x" % room, "/" + ben.userid):
        assert ann.refused_to_send(to).code in ("malformed", "unknown"), to
    ben.say.change("part:" + room)
    refused = ann.refused_to_send("%s/%s" % (room, ben.userid))
    assert refused.code == "not-member" and ben.userid in refused.reason
    assert out.heard() == []


def test_a_whisper_is_stored_once_and_keeps_its_key(hall):
    ann, ben = hall.guest(2)
    room = joined(hall, ann, ben)
    ben.listen()
    to = "%s/%s" % (room, ben.userid)
    first = ann.say.send(to, "once", "k-1")
    assert ann.say.send(to, "another text", "k-1") == first
    ben.say.change("part:" + room)
    assert ann.say.send(to, "he has left", "k-1") == first
    assert [m.text for m in ben.heard() if not m.kind] == ["once"]
    assert ann.refused_to_send(to).code == "not-member"


def test_version_1_gets_whispers_and_no_notes(daemon, clients):
    hall = Hall(daemon)
    alice = Guest(daemon, "alice")
    plain = clients(daemon, "bob")
    daemon.add_room("#tea", "alice", "bob")
    plain.write("bob", "sign-on")
    plain.wait()
    for change in ("topic:#tea:leaves", "nick:Ally", "topic:#tea:"):
        alice.say.ask(change, "named" if change.startswith("nick") else "done")
    alice.say.send("#tea/bob", "whispered")
    alice.say.send("#tea", "said")
    assert [m.text for m in plain.wait(3)] == ["sign-on", "whispered", "said"]
    assert {m.name for m in plain.received[1:]} == {"Ally"}
    alice.close()
    hall.leave()


# -- one row

def test_a_sender_does_not_wait_for_the_deliveries(hall):
    """His answer goes out before what is stored is handed on, be it to a crowd."""
    ann, = hall.guest(1)
    ann.say.ask("attach", "attached")
    ann.say.write("send:k:%s:to myself" % ann.userid)
    assert [ann.say.read()[0] for _ in range(2)] == ["sent", "msg"]


def test_a_message_to_many_is_one_row(hall):
    guests = hall.guest(20)
    room = joined(hall, *guests)
    for guest in guests:
        guest.listen()
    for guest in guests:
        guest.heard()
    before = {row["room"]: row for row in hall.daemon.request({"verb": "room list"})["rooms"]}
    sent = guests[0].say.send(room, "to nineteen")
    for guest in guests[1:]:
        assert [(m.seq, m.text) for m in guest.heard()] == [(sent.seq, "to nineteen")]
    after = {row["room"]: row for row in hall.daemon.request({"verb": "room list"})["rooms"]}
    assert after[room]["messages"] == before[room]["messages"] + 1
