"""Asks with Python's http.client for what stands on standard input, all on one connection, and prints what came.

One request per line: METHOD TAB target TAB "name: value|name: value" TAB size of the content. One answer each: a line with
status, number of interim answers (-1: this client does not tell), number of fields, size of the content; then the fields, one
per line; then the content.
"""
import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
for line in sys.stdin:
    method, target, fields, size = line.rstrip("\n").split("\t")
    headers = dict(f.split(": ", 1) for f in fields.split("|") if f)
    connection.request(method, target, body=b"x" * int(size) if int(size) else None, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    head = f"{answer.status} -1 {len(answer.getheaders())} {len(content)}\n"
    head += "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
    sys.stdout.buffer.write(head.encode("latin-1") + content)
