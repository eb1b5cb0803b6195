"""The application that Ray Serve runs here: each replica has an engine of its own, and hands on what it is sent."""

import os

import aiohttp
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from ray import serve

OF_ONE_HOP = {"connection", "content-length", "host", "transfer-encoding"}

api = FastAPI()


def end_to_end(headers):
    return {name: value for name, value in headers.items() if name.lower() not in OF_ONE_HOP}


@serve.deployment
@serve.ingress(api)
class Chat:
    async def reconfigure(self, config):
        # The rank of a replica that ends goes to the one that replaces it.
        self.engine = config["engines"][serve.get_replica_context().rank.rank]
        self.client = aiohttp.ClientSession(auto_decompress=False)

    @api.api_route("/{path:path}", methods=["GET", "POST"])
    async def forward(self, path: str, request: Request):
        answer = await self.client.request(
            request.method,
            f"{self.engine}/{path}",
            headers=end_to_end(request.headers),
            data=await request.body(),
        )
        # So that a test can end this replica.
        headers = {**end_to_end(answer.headers), "x-serve-pid": str(os.getpid())}
        return StreamingResponse(answer.content.iter_any(), status_code=answer.status, headers=headers)


app = Chat.bind()
