"""Objects there and back by boto3, with what the variables of AWS name: roundtrip.py BUCKET"""

import io
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig

bucket = sys.argv[1]
s3 = boto3.client("s3")

small = b"small \xff\x00"
s3.put_object(Bucket=bucket, Key="a folder/small", Body=small)
assert s3.get_object(Bucket=bucket, Key="a folder/small")["Body"].read() == small
part = s3.get_object(Bucket=bucket, Key="a folder/small", Range="bytes=2-4")
assert part["Body"].read() == small[2:5]

# By a multipart upload.
large = os.urandom(6 << 20)
s3.upload_fileobj(io.BytesIO(large), bucket, "large", Config=TransferConfig(multipart_threshold=5 << 20))
assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == large

keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
assert keys == ["a folder/small", "large"], keys
for key in keys:
    s3.delete_object(Bucket=bucket, Key=key)
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
