"""Two versions on the flash, in the folders app.a and app.b; a small file names the one that runs.

Shared by safestart, update and (sent over the cable, hence without imports of ours) tools/board.
boot.py reads the same files with code of its own. Every change is one small file written anew: littlefs
keeps what it had until the new text is closed, so that a power cut leaves the old or the new state. A rename
does not where the folder spans two blocks, as a root does soon (firmware/core/compat.py, renew). `root` is the folder
of the flash file system, "" on boards.
"""

import json
import os

FOLDERS = ("app.a", "app.b")
# The version itself, in its folder (firmware/packfs.py).
PACK = "firmware.pack"


def read_text(path, most=256):
    """The file's text, at most `most` characters; "" when there is none, or what is there is no text."""
    try:
        with open(path) as file:
            return file.read(most)
    except (OSError, ValueError):
        return ""


def write_text(path, text):
    """Write the whole file; one that is there stays until then. OSError when the flash is full.

    One that is not there yet is empty for a moment: to whoever reads it that is the same.
    """
    with open(path, "w") as file:
        file.write(text)


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def remove(path):
    """Remove a file; returns whether there was one."""
    try:
        os.remove(path)
        return True
    except OSError:
        return False


def current(root=""):
    """(folder, state) of the version that runs, as boot.py understands it; (None, "ok") where none was deployed."""
    words = read_text(root + "/current").split()
    if words and words[0] in FOLDERS:
        return words[0], words[1] if len(words) > 1 else "ok"
    for folder in FOLDERS:
        if complete(root, folder):
            return folder, "ok"
    return None, "ok"


def other(folder):
    return FOLDERS[1] if folder == FOLDERS[0] else FOLDERS[0]


def complete(root, folder):
    """Whether all of a version is there: its manifest is written last."""
    top = "%s/%s/" % (root, folder)
    return bool(folder) and exists(top + PACK) and exists(top + "manifest.json")


def manifest(root, folder):
    """{"version", "serial", "sha256" of its file} of a version; {} when there is none. Older ones have no sha256."""
    try:
        with open("%s/%s/manifest.json" % (root, folder)) as file:
            found = json.load(file)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RuntimeError):  # whatever lies there
        return {}


def seal(root, folder, table):
    """Declare a version complete. `table` is its manifest, a dict or the JSON text of one."""
    text = table if isinstance(table, str) else json.dumps(table)
    path = "%s/%s/manifest.json" % (root, folder)
    write_text(path + ".tmp", text)
    # That it is there says that the version is complete. This folder has two files, so it is one block.
    os.rename(path + ".tmp", path)


def switch(root, folder, state, why=""):
    """Make `folder` the version of the next start; the counter of starts begins anew."""
    if why:
        write_text(root + "/why", why)
    write_text(root + "/starts", "0")
    write_text(root + "/current", folder + " " + state)


def walk(top):
    """Yield (path below `top`, is folder) of everything in it, each folder after its content."""
    todo = [("", False)]
    while todo:
        path, listed = todo.pop()
        if listed:
            if path:
                yield path, True
            continue
        todo.append((path, True))
        try:
            names = os.listdir(top + "/" + path if path else top)
        except OSError:
            continue
        for name in names:
            below = path + "/" + name if path else name
            if os.stat(top + "/" + below)[0] & 0x4000:
                todo.append((below, False))
            else:
                yield below, False


def clear(root, folder):
    """Make the folder of a version, or empty it; no manifest first, so that nobody starts the rest."""
    top = root + "/" + folder
    if not exists(top):
        os.mkdir(top)
    remove(top + "/manifest.json")
    for path, is_folder in list(walk(top)):
        (os.rmdir if is_folder else os.remove)(top + "/" + path)


def used(root, folder):
    """Bytes of what lies in the folder of a version."""
    top = root + "/" + folder
    return sum(os.stat(top + "/" + path)[6] for path, is_folder in walk(top) if not is_folder)
