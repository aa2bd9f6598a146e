"""`python -m tools.page PORT` or `python -m tools.page --broker mqtts://… [--device IMEI]`: the device's page in the
browser of this computer, over the cable or through the broker.
"""

import os
import sys

from tools.board.__main__ import find_port
from tools.board.device import BoardError
from tools.fleet import desk
from tools.options import Parser, between
from tools.page import ways
from tools.page.build import PageError, build
from tools.page.server import Server


def main(argv=None):
    parser = Parser(prog="tools.page", description=__doc__, example="python -m tools.page /dev/ttyUSB0")
    parser.add_argument("port", nargs="?", default="", help="serial port of the console (default: the only board)")
    parser.add_argument(
        "--device",
        default=os.environ.get("DEVICE", ""),
        help="with --broker: IMEI of the device, or several with commas (default: all that are online)",
    )
    parser.add_argument("--http", type=between(0, 65535), default=8102, help="port of the page here (%(default)s)")
    parser.add_argument("--build", action="store_true", help="only put the page together, for a board")
    desk.add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        if args.build:
            print("page: %d bytes packed" % build())
            return 0
        # The broker has a default in tools.fleet; here it is one way of two.
        through = any(each.startswith("--broker") for each in (argv if argv is not None else sys.argv[1:]))
        if through:
            way = ways.Broker(args, [each for each in args.device.split(",") if each])
        else:
            way = ways.Cable(find_port(args.port))
        server = Server(way, args.http)
    except (ways.NoWay, PageError, BoardError) as error:
        print("page: %s" % error, file=sys.stderr)
        return 1
    except OSError as error:
        print("page: port %d here cannot be used: %s; --http takes another" % (args.http, error), file=sys.stderr)
        return 1
    names = ", ".join(way.devices) or args.port
    print("page  %s  (%s, %s); Ctrl-C ends it" % (server.url, way.name, names), flush=True)
    try:
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        way.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
