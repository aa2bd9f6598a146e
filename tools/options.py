"""The command lines of all tools: every mistake gets one sentence that says what is wanted and which option it was.

`Parser` is an argparse.ArgumentParser; what it does otherwise:

- an error is one line and where the help is, without the whole usage in front of it;
- `type=int` and `type=float` say in words what they want, and take neither nan nor infinity nor what is below zero
  (`whole` and `number` do);
- a word that is none of the choices, and an option there is not, come with the nearest one there is.

Defaults out of the environment are given as the text that stands there: they are checked like what is typed.
"""

import argparse
import difflib
import math


def nearest(word, names):
    """`, is it NAME?` for the name that is most like `word`; "" when none is."""
    found = difflib.get_close_matches(word.lower(), {name.lower(): name for name in names}, 1, 0.6)
    return ": is it %s?" % next(name for name in names if name.lower() == found[0]) if found else ""


def whole(text):
    """An int. Raises argparse.ArgumentTypeError."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a whole number is wanted, not %r" % text) from None


def number(text):
    """A float that is a number. Raises argparse.ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError("a number is wanted, not %r" % text)
    return found


def between(least, most=None, kind=whole):
    """A type for add_argument(): a number of `kind`, at least `least`, at most `most`."""
    wanted = "at least %s" % least if most is None else "%s to %s" % (least, most)

    def check(text):
        found = kind(text)
        if found < least or (most is not None and found > most):
            raise argparse.ArgumentTypeError("%s is wanted, not %s" % (wanted, text))
        return found

    return check


def above(limit):
    """A type for add_argument(): a number (float) above `limit`."""

    def check(text):
        found = number(text)
        if found <= limit:
            raise argparse.ArgumentTypeError("more than %s is wanted, not %s" % (limit, text))
        return found

    return check


class Parser(argparse.ArgumentParser):
    """See the module; made and used as the class it is made of. `example`: what could have been typed instead."""

    def __init__(self, *arguments, example="", **options):
        super().__init__(*arguments, **options)
        self._example = example
        self.register("type", int, between(0))
        self.register("type", float, between(0, kind=number))

    def error(self, message):
        more = "for example: %s" % self._example if self._example else "--help tells more"
        self.exit(2, "%s: %s (%s)\n" % (self.prog, message, more))

    def _check_value(self, action, value):
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        raise argparse.ArgumentError(
            action, "%r is none of %s%s" % (value, ", ".join(names), nearest(str(value), names))
        )

    def _get_value(self, action, text):
        try:
            value = self._registry_get("type", action.type, action.type)(text)
        except (argparse.ArgumentTypeError, ValueError) as error:
            raise argparse.ArgumentError(action, str(error)) from None
        # argparse itself takes a default without a look at the choices.
        if isinstance(text, str) and text == action.default:
            self._check_value(action, value)
        return value

    def options(self):
        """Every option of this parser and of its commands, as it is typed."""
        found = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for one in action.choices.values():
                    found += one.options()
        return found

    def parse_args(self, args=None, namespace=None):
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            word = rest[0].partition("=")[0]
            kind = "option" if word.startswith("-") else "argument"
            self.error("there is no %s %s%s" % (kind, word, nearest(word, self.options() if kind == "option" else ())))
        return found
