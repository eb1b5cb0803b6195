"""A worker of Dynamo without a model: it hands on each prompt, as text, to an engine that speaks OpenAI's API."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import aiohttp
from dynamo.llm import ModelInput, ModelType, WorkerType, register_model
from dynamo.runtime import DistributedRuntime, dynamo_worker
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

END = "<end>"
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"


def write_model(folder):
    """A tokenizer whose tokens are single bytes, and the least that makes its folder a model."""
    bytes_as_text = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*bytes_as_text, END])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    end = {"bos_token_id": vocabulary[END], "eos_token_id": vocabulary[END]}
    files = {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 10**6,
            **end,
        },
        "generation_config.json": end,
        "tokenizer_config.json": {"chat_template": TEMPLATE, "bos_token": END, "eos_token": END},
    }
    own = f"{folder}-{os.getpid()}"
    os.mkdir(own)
    tokenizer.save(f"{own}/tokenizer.json")
    for name, content in files.items():
        with open(f"{own}/{name}", "w") as file:
            json.dump(content, file)
    # All workers of a model must have it at the same path: the first one puts it there, whole.
    with contextlib.suppress(OSError):
        os.rename(own, folder)
    return tokenizer


@dynamo_worker()
async def main(runtime: DistributedRuntime, engine: str, model: str):
    tokenizer = write_model(model)
    client = aiohttp.ClientSession()

    async def generate(request, context=None):
        prompt = tokenizer.decode(request["token_ids"])
        body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        async with client.post(f"{engine}/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            text = (await answer.json())["choices"][0]["message"]["content"]
        yield {"token_ids": tokenizer.encode(text).ids}
        yield {"token_ids": [], "finish_reason": "stop"}

    # As its own engines do: it is taken off the list first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runtime.shutdown)
    # So that a test can end it.
    print(f"The worker before {engine} is process {os.getpid()}", flush=True)
    endpoint = runtime.endpoint("dynamo.backend.generate")
    kind = WorkerType.Aggregated
    await register_model(ModelInput.Tokens, ModelType.Chat, endpoint, model, model, worker_type=kind)
    await endpoint.serve_endpoint(generate)


asyncio.run(main(*sys.argv[1:]))
