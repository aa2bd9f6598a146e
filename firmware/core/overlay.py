"""Code that is in memory only while it is used, and whose turn it is to fill the heap.

A small board has less heap than all of the firmware's code takes. What a running device need not have at hand all the
time belongs to a group, and is imported while that is used:

    with overlay.use("status"):
        from firmware.app import status

        return status.status(app)

A group is let go when its last user is gone and less than the reserve is free: where there is room nothing ever goes,
and this is ordinary Python, as it is on CPython. An object keeps the code it is made of, let go or not. What takes
much of the heap at once (a session with a meter, a command) has its turn, for which it waits while memory is short:

    with await overlay.turn("session"):
        ...

Nobody waits for ever: whoever has waited long enough goes on and may run out of memory, which costs a retry and no
record. The one answer to a MemoryError is reclaim(), and `with overlay.attempt:` gives it: what runs out of memory in
there ends there, and the statement behind it is the next. A `return` within is the sign that it did not.

A piece of the heap is held back from the start for what has to succeed in a full one (hold(), let_go()): starting a
service again, keeping its traceback, restarting the board; and for whoever enters a group, whose code needs room to be
loaded in. Another one is kept for records (borrow(), give_back()).
"""

import gc
import sys

from firmware.core.compat import MICROPYTHON, sleep_ms, ticks_diff, ticks_ms

# Group, the groups that are used with it (a plus before), its modules below firmware/, those of a folder behind its
# point. One text, as a board has to keep it. tests/host/unit/core/test_overlay.py holds that these modules are
# imported nowhere but in a use of their group, and that no class of theirs is caught by others: classes for these, and
# whatever else is not in here, stay for good (RESIDENT there).
GROUPS = """
begin app.starting
start +settings +reading +schedule +kinds +password +apply +guard app.build,build_base\
 boards.tables,tables_esp32,wiring net.modem.prepare
mount +find recordlog.mount
guard update.slots,starts
status +guard app.report,status delivery.mqtt.state
apply app.apply_settings
options delivery.options delivery.mqtt.options
settings config.settings,settings_table
change +settings +files config.changes,text_import
check +settings config.check,needs,usable
files config.files
audit +zone security security.audit
password config.password
texts +settings config.help,words
kinds meters.readings.kinds
command +zone +kinds commands.executor
handlers +command commands.handlers.doctor,general,log,readings,settings
private commands.private
grammar +command +settings +private commands.grammar
rights +grammar +check commands.leave
doctor +errorwords commands.handlers.doctor_texts
access +grammar +files commands.handlers.doctor_access
help +grammar commands.handlers.help
typing +private commands.channels.line_editor
zone core.zone
reading +zone meters.ledger,reading,result
schedule +zone meters.schedule
session +reading +segments iec102.asdu,errors,extensions,ft12,instant,link,master,setup,simple,timetag,totals\
 meters.line_probe,session meters.readings.closings,curve,facts,instant\
 meters.records.extended,facts,instant,periods,titan
trace meters.frame_trace
words iec102.frame_text
find recordlog.find
segments recordlog.segments
connect net.connect,http,wire
drain +connect +find +zone delivery.ftp,http
login +connect delivery.mqtt.login
announce +schedule delivery.homeassistant
time app.time_sync
update +guard net.url update.order,source,waiting
fetch +update +connect update.download,release,updater
ask net.modem.exchange
steps +describe net.modem.bringup
wake +ask net.modem.power
bringup +ask net.modem.setup
profiles net.modem.profiles
register +ask net.modem.registration
mux net.modem.cmux
dial +ask +mux net.modem.dial
aside +ask net.modem.aside
sms +ask net.modem.sms
errorwords core.error_texts
meterwords core.error_meter
networds core.error_network,error_numbers
devicewords core.error_services
tlswords core.error_tls
trust security.trust
tls +connect +trust net.alone,tls security.context,der
certificates +tls security.certificates
part part
describe net.modem.describe
pdu net.modem.pdu
"""

# Bytes of a 32-bit heap; a 64-bit one shows 1 / 0.78 of them. What a session or a command may take for its code and
# data; what a session beside another one takes, that has its code; less than that is short: a TLS connection takes 45
# KiB, and the session beside it has to begin.
_NEED = const(38400)
_BESIDE = const(9984)
_RESERVE = const(99840)
# All of the code with its names.
_ALL = const(350000)
_STEP_MS = const(20)
_STEPS = const(50)
_LOOKS = const(100)
# Bytes of the longest record, one with closings (meters/readings/closings.py splits them).
LARGEST = const(4096)
# Bytes held back, what loading a module takes beside its code: an open file (littlefs takes 300 of them for one, or
# 1,150 where it programs 256 at a time, rp2), the state of deflate with 1,296, the window with 2,048.
_HELD = const(4608)
# Those of two tables of modules, one of which grows, for each module.
_TABLES = const(24)
# A command waits at most so long for others, a session for the commands, and everybody for a session without which
# there is no room at all.
_COMMAND_MS = const(20000)
_SESSION_MS = const(30000)
_LINE_MS = const(120000)

# Kinds of turns; a constant stands before its use, or a board has none.
_SESSION = const(0)
_COMMAND = const(1)
_GUEST = const(2)

_free = getattr(gc, "mem_free", None)  # CPython has none: there nothing is ever short
# Group -> [how many use it, the groups that are used with it, …]; without users it is idle, and may be in memory.
_users = {}
_held = None
_buffer = []
# Collect now what is garbage: before something large is made that stays, or while nobody waits.
tidy = gc.collect


def _short(need):
    """Whether fewer than so many bytes (of a 32-bit heap) are free; garbage counts as taken."""
    return bool(_free) and _free() < (need * 100 // 78 if sys.maxsize > 0x7FFFFFFF else need)


def low(need):
    """Whether fewer than so many bytes (of a 32-bit heap) are free, garbage aside."""
    if not _short(need):
        return False
    tidy()
    return _short(need)


def tight(spare=_RESERVE):
    """Whether groups will have to go on this board: all of the code together leaves less than the reserve, or `spare`
    bytes.
    """
    return low(_ALL + spare)


# --- groups


class use:
    """A context in which the modules of a group are imported and used."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        _enter(self.name)

    def __exit__(self, kind, error, trace):
        _leave(self.name)


# In here something is imported that is not on every device, and stays. No module is called like that.
part = use("part")


def _words(name):
    """What stands behind the name of a group in the table."""
    at = GROUPS.find("\n" + name + " ") + len(name) + 2
    return GROUPS[at : GROUPS.find("\n", at)].split(" ")


def _enter(name, need=None):
    """`need`: whether room has to be made, None: nobody has looked. A look takes 11 ms where the heap has 490 KB, and
    between two in one call nothing is loaded; the answer goes back.
    """
    global _held
    users = _users.get(name)
    if users is None:
        users = [0] + [word[1:] for word in _words(name) if word[:1] == "+"]
    for below in users[1:]:
        need = _enter(below, need)
    if not users[0]:
        if need is None:
            need = _short(_RESERVE)
        if need:
            # What nobody uses makes room for what is loaded now, and so does the piece that is held back.
            _users.pop(name, None)
            _held = need = None
            reclaim()
    _users[name] = users
    users[0] += 1
    return need


def _leave(name, need=None):
    """Allocates nothing before the user is gone. `need` as in _enter()."""
    users = _users[name]
    users[0] -= 1
    for at in range(1, len(users)):
        need = _leave(users[at], need)
    if not users[0]:
        if need is None:
            need = _short(_RESERVE)
        if need:
            _forget(name)
            if _held is None:
                hold()
    return need


def _forget(name, wholly=True):
    """Take a group out of sys.modules: what nothing else holds goes with the next collection.

    With it go those that are used with it, idle like it: they have its classes, which nobody would know again.
    """
    if wholly:
        _users.pop(name, None)
        for above in list(_users):
            if name in _users.get(above, ()):
                _forget(above)
    if not MICROPYTHON:
        return  # tests hold on to names of modules
    for word in _words(name):
        folder, _, names = word.rpartition(".")
        package = "firmware." + folder if folder else "firmware"
        parent = sys.modules.get(package)
        for each in names.split(","):
            if sys.modules.pop(package + "." + each, None) is not None and hasattr(parent, each):
                delattr(parent, each)


def reclaim():
    """Forget every idle group, and what is garbage. Raises nothing: what does not succeed now does the next time."""
    tidy()
    try:
        while True:
            for name in _users:
                if not _users[name][0]:
                    break
            else:
                break
            _forget(name)
        _sweep()
    except MemoryError:
        pass
    tidy()


def _sweep():
    """Make the table of modules anew. An import that fails takes its key out of it and leaves the module, as far as it
    has been loaded, in the place (py/builtinimport.c, unregister_module_from_nlr_jump_callback).
    """
    if not MICROPYTHON:
        return
    room = bytearray(len(sys.modules) * (2 * _TABLES if sys.maxsize > 0x7FFFFFFF else _TABLES))
    modules = sys.modules.copy()
    room = None  # noqa: F841  what follows must not fail
    sys.modules.clear()
    sys.modules.update(modules)


class _Attempt:
    def __enter__(self):
        """Nothing has to be made ready."""

    def __exit__(self, kind, error, trace):
        if kind is None or not issubclass(kind, MemoryError):
            return False
        reclaim()
        return True


attempt = _Attempt()


# --- turns


running = [0, 0, 0]  # sessions, commands and guests (an update, which makes way)
wanted = 0  # sessions and commands that wait
waiting = 0  # the commands of them
peak = 0  # most bytes of heap seen in use
# Ticks up to which sessions leave a short heap to the modem's first way up; None: it is up, has failed, or is none.
way_up = None
_KINDS = {"session": _SESSION, "fetch": _GUEST}  # the others are commands


def note():
    """Look how full the heap is, garbage included; call it where much is loaded."""
    global peak
    if _free:
        peak = max(peak, gc.mem_alloc())


class _Turn(use):
    def __enter__(self):
        running[_KINDS.get(self.name, _COMMAND)] += 1
        try:
            _enter(self.name)
        except BaseException:
            running[_KINDS.get(self.name, _COMMAND)] -= 1
            raise

    def __exit__(self, kind, error, trace):
        # Before anything that may fail in a full heap: who does not leave holds up the others from then on.
        running[_KINDS.get(self.name, _COMMAND)] -= 1
        note()
        _leave(self.name)


def _limit(kind):
    """Milliseconds that a session or a command waits at most, as things are; 0: its turn has come."""
    sessions, commands, guests = running
    if kind == _COMMAND:
        if sessions and low(_NEED):
            return _LINE_MS
        wait = (sessions and low(2 * _NEED)) or ((commands or guests) and low(_NEED))
        return _COMMAND_MS if wait else 0
    if way_up and ticks_diff(way_up, ticks_ms()) > 0 and low(2 * _NEED):
        return _LINE_MS
    # What has just entered has yet to load its code: what is free now is not free for us.
    others = commands or waiting or guests
    if not (sessions or others):
        return 0
    # The code of the one under way serves the next one, too, as soon as it is there.
    need = _BESIDE if sessions and "firmware.meters.session" in sys.modules else _NEED
    if not low(need + _NEED if others else need):
        return 0
    return _LINE_MS if sessions or guests else _SESSION_MS


async def room(name):
    """Wait until it would be the turn of a group, for at most as long as turn() does."""
    global wanted, waiting
    kind = _KINDS.get(name, _COMMAND)
    if kind == _GUEST:
        running[_GUEST] += 1  # what comes now waits for us, we for what is under way
        try:
            while running[_SESSION] or running[_COMMAND]:
                await sleep_ms(_STEP_MS)  # they end by their own deadlines
        finally:
            running[_GUEST] -= 1
        return
    start = ticks_ms()
    wanted += 1
    waiting += kind  # a command is 1
    try:
        while True:
            limit = _limit(kind)
            if not limit or ticks_diff(ticks_ms(), start) > limit:
                break
            # A look may cost a collection, which those we wait for should not have to bear all the time.
            before = list(running)
            for _ in range(_STEPS):
                await sleep_ms(_STEP_MS)
                if running != before:
                    break
    finally:
        wanted -= 1
        waiting -= kind


async def turn(name):
    """Wait for the turn of a group; the context in which it is used."""
    mine = _Turn(name)
    await room(name)
    return mine


def aside(name):
    """Within a turn: others need the room more than we who only wait for them. back() afterwards."""
    running[_KINDS.get(name, _COMMAND)] -= 1
    if _short(_RESERVE):
        for below in _users[name][1:]:
            _forget(below, False)


async def back(name):
    """Go on with a turn after aside(), when it comes."""
    try:
        await room(name)
    finally:
        running[_KINDS.get(name, _COMMAND)] += 1


def crowded():
    """Whether a session needs what is free: what can wait for its end should."""
    return bool(running[_SESSION]) and _short(_NEED // 2)


async def answered():
    """Wait for the end of the commands, one of which may be giving what is to be replaced; two seconds at most."""
    for _ in range(_LOOKS):
        if running[_COMMAND]:
            await sleep_ms(_STEP_MS)


# --- pieces of the heap that are kept


def hold():
    """Take the reserve, or as much of it as there is in one piece; tried again at each call until it is whole.

    Not while somebody has a turn, who may need it for code.
    """
    global _held
    size = 0 if running[_SESSION] or running[_COMMAND] else _HELD
    while size > 128 and (_held is None or len(_held) < size):
        try:
            _held = bytearray(size)
        except MemoryError:
            size >>= 1


def let_go():
    """Give the reserve to what comes next in this very turn, then hold() again."""
    global _held
    _held = None
    tidy()


def borrow(size):
    """A buffer for the records of a session, `size` bytes or more; give it back. MemoryError.

    The one kept for this, given at the start, is as long as the longest record: so much in one piece may not be free
    later on. Only sessions side by side need more.
    """
    return _buffer.pop() if _buffer else bytearray(size)


def give_back(buffer):
    if len(buffer) == LARGEST and not _buffer:
        _buffer.append(buffer)
