"""gcp-storage-emulator, started as its own program is, with two things that it lacks.

It takes one connection at a time: whoever reads one answer slowly keeps all others waiting, which no real service
does. Here each connection has a thread, and what the emulator does for a request is done one by one as before.

After every change it writes down all that it knows, so thousands of objects take minutes. Nobody reads that here.

What it answers is left as it is.
"""

import sys
import threading
from http.server import ThreadingHTTPServer

from gcp_storage_emulator import __main__ as program
from gcp_storage_emulator import server
from gcp_storage_emulator.storage import Storage

turn = threading.Lock()
handle, read, close = server.Router.handle, server._read_raw_data, server.Response.close


def handle_in_turn(router, method):
    turn.acquire()
    try:
        handle(router, method)
    except Exception:
        turn.release()
        raise


def read_out_of_turn(connection):
    # A request comes at the pace of whoever sends it, who may be stopped in the middle.
    turn.release()
    try:
        return read(connection)
    finally:
        turn.acquire()


def close_out_of_turn(response):
    # The answer is complete, and is written at the pace of whoever reads it.
    turn.release()
    try:
        close(response)
    except Exception:
        turn.acquire()
        raise


class Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server.Router.handle = handle_in_turn
server._read_raw_data = read_out_of_turn
server.Response.close = close_out_of_turn
server.server.HTTPServer = Threads
Storage._write_config_to_file = lambda storage: None

if __name__ == "__main__":
    sys.exit(program.main())
