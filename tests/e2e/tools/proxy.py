# SPDX-License-Identifier: GPL-2.0-or-later
"""A user-space proxy, as container tools put in front of a published port.

proxy.py --to ADDRESS [--port 25]
Accepts on the port, opens a second connection of its own to the same port there, and carries bytes
both ways. Prints `listening`.
"""
import argparse
import asyncio


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    options = parser.parse_args()

    async def carry(reader, writer):
        try:
            onward_reader, onward_writer = await asyncio.open_connection(options.to, options.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))

    server = await asyncio.start_server(carry, "0.0.0.0", options.port, backlog=4096)
    print("listening", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
