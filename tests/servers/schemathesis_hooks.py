"""What Schemathesis does not know by itself: the bytes of a resumable upload are sent as they are."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
