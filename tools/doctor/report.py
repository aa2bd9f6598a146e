"""What the doctor says: a line a step, the faults by name, and what to do next."""


class Fault(Exception):
    """A fault that ends the examination: what is wrong, and lines of what to do next."""

    def __init__(self, what, *todo):
        super().__init__(what)
        self.todo = todo


class Report:
    """`out(line)` takes the lines. `faults` are the texts of those named so far."""

    def __init__(self, out=print):
        self._out = out
        self.faults = []

    def doing(self, text):
        self._out("...    " + text)

    def ok(self, text):
        self._out("ok     " + text)

    def note(self, text):
        self._out("note   " + text)

    def todo(self, text):
        self._out("do     " + text)

    def plain(self, text=""):
        self._out(text)

    def fault(self, what, *todo):
        """Name a fault with which the examination can go on."""
        self.faults.append(str(what))
        self._out("FAULT  %s" % what)
        for line in todo:
            self.todo(line)

    async def steps(self, steps):
        """Run (name, coroutine function) one after the other; what follows a Fault is not checked, and told so."""
        for number, (_, step) in enumerate(steps):
            try:
                await step()
            except Fault as fault:
                self.fault(fault, *fault.todo)
                rest = [name for name, _ in steps[number + 1 :]]
                if rest:
                    self._out("--     not checked: " + ", ".join(rest))
                return

    def end(self):
        """The last line; returns the exit code."""
        self._out("")
        if not self.faults:
            self._out("all is well")
            return 0
        many = len(self.faults)
        self._out("%d fault%s: %s" % (many, "s"[: many > 1], "; ".join(self.faults)))
        return 1
