"""An upload by tuspy in chunks, which goes on where another process has stopped:
tus.py URL FILE MEMORY BEGIN|RESUME. MEMORY is the file that remembers the address."""

import os
import sys

from tusclient import client
from tusclient.storage.filestorage import FileStorage

url, path, memory, step = sys.argv[1:]
size = os.path.getsize(path)
uploader = client.TusClient(url).uploader(
    path,
    chunk_size=700_000,
    metadata={"spec": "demo", "task": "1", "type": "log", "name": "tuspy ü.log", "tag.by": "tuspy"},
    store_url=True,
    url_storage=FileStorage(memory),
    upload_checksum=True,
    retries=2,
)
if step == "BEGIN":
    assert uploader.offset == 0, uploader.offset
    uploader.upload(stop_at=2_000_000)
    assert uploader.offset == 2_000_000, uploader.offset
    # Nothing is put in order.
    os._exit(7)
assert uploader.offset == 2_000_000, uploader.offset
uploader.upload()
assert uploader.offset == size, uploader.offset
