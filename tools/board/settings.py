"""Settings of a board over the cable: ask for them or read them from a file, check, write, read back.

Checked twice: here, by the same code the device has, so that a mistake is told while it is typed; and
on the device, by its own, because its version counts. Secrets never stand on a command line.
"""

import getpass
import json
import os
import stat
import sys

from firmware.config import settings as table
from firmware.config.config import Config
from firmware.config.files import NUMBER
from firmware.core.errors import ConfigError
from tools import certificates
from tools.board import settings_file, summary
from tools.board.device import BoardError
from tools.board.interview import interview
from tools.board.settings_file import parse_file, unknown


def open_to_others(path):
    return bool(os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH))


def pairs(words, ask=getpass.getpass):
    """{name: value} of `name=value` words; a secret is given by its name alone and asked for."""
    config = Config()
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if table.find(name)[2]:
            raise BoardError("%s; nothing was written" % unknown(name))
        secret = table.secret(config.row(name)[0])
        if secret and equals:
            raise BoardError(
                "%s is a secret: others see command lines, and the shell keeps them. Write only %s, "
                "and you will be asked" % (name, name)
            )
        if not secret and not equals:
            raise BoardError("%s wants a value: %s=VALUE" % (name, name))
        values[name] = ask("%s: " % name) if secret else value
    return values


def check(values):
    """Check here, with the code the device has too; BoardError names every setting that is wrong."""
    wrong = [fault for name in values for fault in settings_file.check({name: values[name]})]
    wrong = wrong or settings_file.check(values)
    if wrong:
        raise BoardError("\n  ".join([*wrong, "nothing was written"]))


def read(device):
    """The stored settings as {name: value}, secrets included."""
    data = device.read("/config.json")
    try:
        values = json.loads(data) if data else {}
    except ValueError:
        return {}
    values.pop(NUMBER, None)
    return values


def write(device, values, out=print):
    """Write through the device's own check; returns what it needs then (a set of words)."""
    check(values)
    if not device.exists("/current"):
        raise BoardError("there is no firmware on the board yet: make deploy first")
    # Over the paths of the version that runs, as boot.py sets them.
    device.exec(
        "import sys\n"
        "_f = open('/current').read().split()[0]\n"
        "for _p in ('/' + _f + '/lib', '/' + _f):\n"
        " if _p not in sys.path: sys.path.insert(0, _p)\n"
    )
    # The values travel in the raw REPL, not through any shell.
    device.exec(
        "from firmware.config.config import Config\n_c = Config('/config.json')\n_c.load()\n"
        "_needs = _c.change(%r)" % values
    )
    needs = set(device.eval("_needs")) - {""}
    out("%d settings written%s" % (len(values), "; they count from the next start" if needs else ""))
    return needs


def show(device, out=print, every=False):
    """Print what differs from the defaults, or every setting; secrets as ***."""
    config = Config()
    values = read(device)
    try:
        config.set_many(values)
    except ConfigError as error:
        raise BoardError("the stored settings are not understood: %s" % error) from None
    names = _every(config) if every else sorted(config.values)
    if not names:
        out("all settings have their defaults; config --all shows them")
    elif not every:
        out("# what differs from the defaults; config --all shows the others, too")
    for name in names:
        out("%s = %s" % (name, config.text(name)))


def _every(config):
    """The names of all settings; of meters those there are and the first."""
    for row in table.rows():
        group = row[0].split(".")[0]
        first, count = table.GROUPS.get(group, (None, 1))
        for number in range(count):
            index = None if first is None else first + number
            start = "%s.%s." % (group, index)
            if number == 0 or group != "meter" or any(name.startswith(start) for name in config.values):
                yield table.key(row, index)


def lay(device, ca=None, cert=None, key=None, out=print):
    """Lay a root, and a certificate with its key, onto the board; the settings that have them used. BoardError."""
    if not (ca or cert or key):
        return {}
    try:
        files = certificates.files(ca, cert, key)
    except certificates.CertificateError as error:
        raise BoardError("%s; nothing was written" % error) from None
    device.exec("import os\ntry:\n os.mkdir('/tls')\nexcept OSError:\n pass")
    for path, data in files.items():
        device.write(path, data)
        out("%s: %d bytes" % (path, len(data)))
    return {**({"tls.ca": "own"} if ca else {}), **({"tls.client": "own"} if cert else {})}


def run(device, args, out=print):
    """`make config`: from a file, from words, or by asking. Returns whether the device starts anew with it."""
    if args.show or args.all:
        show(device, out, args.all)
        return False
    laid = lay(device, *(getattr(args, name, None) for name in ("ca", "cert", "key")), out=out)
    if laid and not (args.file or args.set):
        values = laid
    elif args.file:
        values = parse_file(args.file, out)
        check(values)
        config = Config()
        if any(table.secret(config.row(name)[0]) for name in values) and open_to_others(args.file):
            out("note: %s holds secrets and others may read it (chmod 600)" % args.file)
    elif args.set:
        values = pairs(args.set)
    elif sys.stdin.isatty():
        values = interview(read(device), out=out)
    else:
        raise BoardError("nobody to ask here: make config FILE=site.txt, or name=value behind tools.board config")
    values = {**laid, **values}
    if values:
        write(device, values, out)
    else:
        out("nothing changed")
    out("What the device does from its next start on:")
    for line in summary.lines(read(device)):
        out("  " + line)
    device.reset()
    return True
